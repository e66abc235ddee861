"""A small client of the Kubernetes API: kept-alive connections, JSON in and out, many requests at once."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from localcluster.errors import ApiError

Json = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Api:
    """One API server, as one user. Safe to use from many threads; connections are kept open and shared.

    Args:
        server: URL, for example "https://127.0.0.1:6443".
        token: Bearer token; None when the client certificate says who we are.
        ca: File with the certificate authority; None together with `insecure`.
        client_cert: Files of the client's certificate and key.
        insecure: Do not check the server's certificate.
    """

    def __init__(
        self,
        server: str,
        *,
        token: str | None = None,
        ca: Path | None = None,
        client_cert: tuple[Path, Path] | None = None,
        insecure: bool = False,
        timeout: float = 30.0,
    ) -> None:
        self.server = server
        url = urlsplit(server)
        self._host, self._port = url.hostname or "", url.port or 443
        self._prefix = url.path.rstrip("/")
        self._timeout = timeout
        self._headers = {"Accept": "application/json", "User-Agent": "localcluster"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = ssl.create_default_context(cafile=str(ca) if ca else None)
        if insecure:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        if client_cert is not None:
            self._tls.load_cert_chain(*map(str, client_cert))
        self._idle: list[http.client.HTTPSConnection] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections nobody uses; the next request opens a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        if hasattr(self, "_lock"):  # not if the arguments were refused
            self.close()

    def get(self, path: str) -> Json:
        """Read one object or list."""
        return self.request("GET", path)

    def post(self, path: str, body: Json) -> Json:
        """Create an object."""
        return self.request("POST", path, body)

    def patch(self, path: str, body: Json, kind: str = MERGE) -> Json:
        """Patch an object; a merge patch unless `kind` says otherwise."""
        return self.request("PATCH", path, body, kind)

    def delete(self, path: str, body: Json | None = None) -> Json:
        """Delete an object."""
        return self.request("DELETE", path, body)

    def request(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json"
    ) -> Json:
        """Send one request and decode the answer.

        Raises:
            ApiError: the server said no, or could not be reached (status 0).
        """
        status, answer = self.raw(method, path, None if body is None else json.dumps(body).encode(), kind)
        if status >= 300:
            raise _error(method, path, status, answer)
        decoded: Json = json.loads(answer)
        return decoded

    def raw(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send one request; return status and body as they came.

        A kept-alive connection that turns out dead is replaced by a fresh one. So a create may, rarely, be sent
        twice and then answer AlreadyExists.
        """
        headers = self._headers if body is None else {**self._headers, "Content-Type": kind}
        while True:
            connection, used = self._connection()
            try:
                connection.request(method, self._prefix + path, body, headers)
                response = connection.getresponse()
                answer = response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if used and not isinstance(error, TimeoutError):
                    self.close()  # the server went away: the other idle connections are dead, too
                    continue
                raise ApiError(0, "", f"{method} {self.server}{path}: no answer ({error!r})") from error
            with self._lock:
                self._idle.append(connection)
            return answer

    def _connection(self) -> tuple[http.client.HTTPSConnection, bool]:
        """Take an idle connection or open one; tell whether it was used before."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        fresh = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        return fresh, False

    def each(self, call: Callable[[T], R], items: Iterable[T], *, at_once: int = 32) -> Iterable[R]:
        """Run one call per item, `at_once` at a time; results in order. The first error ends it."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="api") as pool:
            yield from pool.map(call, items)


def _error(method: str, path: str, status: int, answer: bytes) -> ApiError:
    try:
        found = json.loads(answer)
        reason, message = str(found.get("reason", "")), str(found.get("message", ""))
    except (ValueError, AttributeError):
        reason, message = "", answer[:300].decode(errors="replace")
    return ApiError(status, reason, f"{method} {path}: {status} {reason}: {message}")
