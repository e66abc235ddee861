"""Foreign errors become ours: the one table from HTTP answers, time-outs and broken sockets to `base.errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec

from crosstree.adapters.wire import ApiStatus
from crosstree.base.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NotFound,
    Refused,
    Throttled,
    Unavailable,
)

LONGEST_RETRY_AFTER = 60.0
"""Seconds; a server that asks for more is asked again after this."""

T = TypeVar("T")

_object = msgspec.json.Decoder(dict[str, Any])
_status = msgspec.json.Decoder(ApiStatus)


def error_of(method: str, path: str, status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """Return the error that an HTTP answer stands for.

    Args:
        method: For the message.
        path: For the message.
        status: HTTP status, 400 or above, or the code of a Status object in a watch.
        body: A Status object if all is well; anything if a proxy answered instead.
        retry_after: The header of that name. A server error that carries it counts as throttling.
    """
    said = _read(body)
    message = f"{method} {path}: {status} {said.reason}: {said.message}".rstrip(": ")
    match status:
        case 401:
            # It says nothing about the request: credentials are being renewed, ours or the server's keys.
            return Unavailable(message, status=status)
        case 404:
            return NotFound(message, status=status)
        case 409 if said.reason == "AlreadyExists":
            return AlreadyExists(message, status=status)
        case 409:
            return Conflict(message, status=status)
        case 410:
            return Expired(message, status=status)
        case 429:
            return Throttled(message, status=status, retry_after=_seconds(retry_after, 1.0))
        case _ if status >= 500 and retry_after is not None:
            return Throttled(message, status=status, retry_after=_seconds(retry_after, 1.0))
        case _ if status >= 500:
            return Unavailable(message, status=status)
        case _:
            return Refused(message, status=status)


@contextmanager
def foreign(method: str, path: str) -> Iterator[None]:
    """Turn whatever the transport raises inside the block into `Unavailable`."""
    try:
        yield
    except TimeoutError as error:
        raise Unavailable(f"{method} {path}: no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"{method} {path}: {type(error).__name__}: {error}") from error
    except RuntimeError as error:
        # aiohttp's way to say that the session was closed under a call.
        if "closed" not in str(error).lower():
            raise
        raise Unavailable(f"{method} {path}: the connection was closed by us") from error


def decoded(method: str, path: str, body: bytes) -> dict[str, Any]:
    """Return the object that an answer with status 200 holds.

    Raises:
        Unavailable: it is no JSON object: cut off, or a page of a proxy in between. What was asked for may have
            been done all the same.
    """
    return read(_object, method, path, body)


def read(decoder: msgspec.json.Decoder[T], method: str, path: str, body: bytes) -> T:
    """Return what an answer with status 200 holds, of any form. Errors as `decoded`."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Unavailable(f"{method} {path}: the answer is no JSON object ({error})") from error


def _read(body: bytes) -> ApiStatus:
    try:
        return _status.decode(body)
    except msgspec.MsgspecError:
        return ApiStatus(message=body[:200].decode(errors="replace").strip())


def _seconds(text: str | None, fallback: float) -> float:
    """Read a Retry-After in seconds; its form as a date is not used by Kubernetes."""
    try:
        return min(max(float(text or fallback), 0.0), LONGEST_RETRY_AFTER)
    except ValueError:
        return fallback
