"""The connection to an API server: bytes out, bytes in, and one place where foreign errors become ours.

The kubernetes package reads the configuration (kubeconfig, exec plugins, service account, proxies, TLS) and makes
the aiohttp session; its models are never used, for they cost a hundred times what msgspec does. Nothing is
repeated here but a request that was refused for a stale token: retries belong to `writer` and `watch`, who know
what may be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from crosstree import __version__
from crosstree.adapters.credentials import load
from crosstree.adapters.failures import decoded, error_of, foreign
from crosstree.adapters.resources import resource_of
from crosstree.base.clock import monotonic
from crosstree.base.errors import ApiError, SettingsError, Unavailable

CONNECTIONS = 160
"""Sockets to the API server: 128 writes in flight, watches, and room for reads beside them."""

CONNECT_TIMEOUT = 10.0
"""Seconds to a TCP and TLS connection; a healthy server needs milliseconds."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

USER_AGENT = f"crosstree/{__version__}"
"""Who audit logs and API priority rules see."""

_UNAUTHORISED = 401

Observe = Callable[[str, str, str, float], None]


def _unobserved(verb: str, resource: str, outcome: str, seconds: float) -> None:
    """Nobody wants to know."""


class Api:
    """One API server. Made by `connect`; all calls share its connections.

    Args:
        host: Scheme, host and port.
        session: Owned from now on; closed by `close`.
        authorise: Gives the headers that say who we are, fresh for every request.
        renew: Fetches new credentials after the old ones were refused.
        options: Handed to every request of the session (TLS server name, headers for a proxy).
        another: Makes a session like `session`, for `extra_session`.
    """

    def __init__(
        self,
        host: str,
        session: aiohttp.ClientSession,
        *,
        authorise: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
        renew: Callable[[], Awaitable[None]] | None = None,
        options: Mapping[str, Any] | None = None,
        another: Callable[[], aiohttp.ClientSession] | None = None,
    ) -> None:
        self.host = host.rstrip("/")
        self._session = session
        self._authorise = authorise
        self._renew = renew
        self._options = dict(options or {})
        self._another = another or aiohttp.ClientSession
        self._others: WeakSet[aiohttp.ClientSession] = WeakSet()
        self.agent = USER_AGENT
        """Who audit logs see; a replica adds its name."""
        self.observe: Observe = _unobserved
        """Told of every request: verb, resource, outcome and seconds."""

    @staticmethod
    async def connect(kubeconfig: str | None = None, context: str | None = None) -> Api:
        """Find the API server as kubectl does and prepare to talk to it; nothing is sent yet.

        Args:
            kubeconfig: Path, or several joined by the path separator. Without it `KUBECONFIG`, then
                `~/.kube/config`, then the service account of the pod we run in.
            context: Context of the kubeconfig; without it its current one.

        Raises:
            SettingsError: no configuration was found, or it can't be used.
        """
        configuration = Configuration()
        configuration.connection_pool_maxsize = CONNECTIONS
        renew = await load(configuration, kubeconfig, context)
        # Looked up once: left to itself aiohttp asks the environment and ~/.netrc in a thread, for every request.
        configuration.client_session_kwargs = {
            "trust_env": False,
            "proxy": configuration.proxy or _proxy_of_environment(configuration.host),
            "cookie_jar": aiohttp.DummyCookieJar(),
        }
        try:
            rest = RESTClientObject(configuration)
            another: Callable[[], aiohttp.ClientSession] = rest._create_pool_manager  # noqa: SLF001
            session = another()
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The certificates for {configuration.host} can't be used: {error}."
            ) from error

        async def authorise() -> Mapping[str, str]:
            found: Any = await configuration.auth_settings()
            return {one["key"]: one["value"] for one in found.values() if one["value"]}

        options: dict[str, Any] = {}
        if configuration.tls_server_name:
            options["server_hostname"] = configuration.tls_server_name
        if configuration.proxy_headers:
            options["proxy_headers"] = configuration.proxy_headers
        return Api(
            configuration.host,
            session,
            authorise=authorise,
            renew=renew,
            options=options,
            another=another,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: float = 30.0,  # noqa: ASYNC109
    ) -> bytes:
        """Send one request and return the body of the answer.

        Args:
            method: HTTP method.
            path: URL path; see `resources.Resource.path`.
            query: Query parameters.
            body: Sent as it is.
            content_type: Of the body; a patch says here which kind it is.
            timeout: Seconds for everything, from waiting for a connection to the last byte.

        Raises:
            ApiError: whichever subclass says what happened; see `base.errors`.
        """
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT)
        headers = {"Content-Type": content_type} if body is not None else {}
        began, outcome = monotonic(), "ok"
        try:
            with foreign(method, path):
                async with self._send(method, path, query, body, headers, limits) as answer:
                    content = await answer.read()
                    if answer.status >= 400:
                        raise error_of(
                            method, path, answer.status, content, answer.headers.get("Retry-After")
                        )
                    return content
        except ApiError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.observe(method, resource_of(path), outcome, monotonic() - began)

    async def get_json(self, path: str, *, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return one object, or a list, as plain data. Errors as `request`."""
        return decoded("GET", path, await self.request("GET", path, query=query))

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch: chunks of bytes as they come, cut anywhere.

        Args:
            path: URL path of the collection.
            query: Query parameters.
            silence: Seconds without a byte after which the connection counts as dead.

        Raises:
            ApiError: as `request`; also while chunks are read, `Unavailable` when the connection breaks.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        with foreign("WATCH", path):
            async with self._send("GET", path, query, None, {}, limits) as answer:
                if answer.status >= 400:
                    content = await answer.read()
                    raise error_of("WATCH", path, answer.status, content, answer.headers.get("Retry-After"))
                yield answer.content.iter_any()

    async def extra_session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """Return a new session with the credentials of now, for a library that does its own requests.

        The caller closes it, and else `close` does. Its credentials stay as they are: when they are refused, ask for
        another session.

        Args:
            fresh: Fetch new credentials first, because the last ones were refused.
        """
        if fresh and self._renew is not None:
            await self._renew()
        session = self._another()
        self._others.add(session)
        session.headers["User-Agent"] = self.agent
        session.headers.update(await self._authorise() if self._authorise is not None else {})
        return session

    async def close(self) -> None:
        """Close every connection; calls in flight fail with `Unavailable`."""
        for session in (self._session, *self._others):
            await session.close()

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; if our credentials are refused, once more with new ones."""
        # Compression is worth its CPU on slow lines; an operator sits beside its API server.
        fixed = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": self.agent, **headers}
        for may_renew in (self._renew is not None, False):
            own = await self._authorise() if self._authorise is not None else {}
            async with self._session.request(
                method,
                self.host + path,
                params=query,
                data=body,
                headers={**fixed, **own},
                timeout=limits,
                **self._options,
            ) as answer:
                if answer.status != _UNAUTHORISED or not may_renew or self._renew is None:
                    try:
                        yield answer
                    finally:
                        cut(answer)
                    return
            try:
                await self._renew()
            except SettingsError as error:
                raise Unavailable(f"{method} {path}: new credentials could not be had: {error}") from error


def cut(answer: aiohttp.ClientResponse) -> None:
    """Cut the connection of an answer that was not read to its end; a polite end of TLS waits for the server."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


def _proxy_of_environment(url: str) -> str | None:
    """Return the proxy that `HTTPS_PROXY` and its kin name for a URL, None where `NO_PROXY` covers it."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return None if proxy is None or proxy_bypass(parts.netloc) else proxy
