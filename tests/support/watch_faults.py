"""What can become of the lines of a watch on their way: pure, one line in, the lines that arrive out."""

from __future__ import annotations

import json
import random
from collections import deque
from enum import Enum
from typing import Any


class WatchFault(Enum):
    """How a watch misbehaves. Each is something that API servers, proxies or networks were seen doing."""

    CUT = "cut"
    """It breaks off again and again, in the middle of a line."""
    END = "end"
    """It ends as soon as it has begun, in good order."""
    STALL = "stall"
    """Nothing arrives, the connection stands; what was held back comes later."""
    EXPIRE = "expire"
    """The server has forgotten the place: an ERROR event with code 410."""
    FAIL = "fail"
    """The server ends it with an ERROR event with code 500."""
    LOSE = "lose"
    """Events are lost, and the server says 410 in the end, as after a compaction."""
    DUPLICATE = "duplicate"
    """Every event comes twice."""
    REPLAY = "replay"
    """Old events come again, in their order, up to the present one: the watch was resumed at an older place."""
    SWAP = "swap"
    """Events of different objects change places; those of one object never do."""
    GARBAGE = "garbage"
    """A line that is no JSON, from a proxy that lost its mind."""
    TRUNCATE = "truncate"
    """The first half of an event as a whole line."""
    HUGE = "huge"
    """An object of nearly the size that etcd takes."""
    NO_BOOKMARKS = "no bookmarks"
    """Bookmarks never come."""


class Ended(Exception):
    """The watch is over. `reset` says whether by a reset; `last` is sent before."""

    def __init__(self, last: bytes = b"", *, reset: bool = False) -> None:
        super().__init__()
        self.last = last
        self.reset = reset


GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
BROKEN = {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcdserver: leader changed"}
PADDING = "x" * 1_200_000
REPLAYED = 8


class Twisted:
    """The lines of one watch.

    Args:
        chance: Decides which event is hit.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._history: deque[bytes] = deque(maxlen=REPLAYED)
        self._held: bytes = b""
        self._lost = False

    def quiet(self, fault: WatchFault | None) -> list[bytes]:
        """Return what arrives while the server says nothing.

        Raises:
            Ended: the watch ends now.
        """
        match fault:
            case WatchFault.CUT | WatchFault.END:
                raise Ended(reset=fault is WatchFault.CUT)
            case WatchFault.EXPIRE:
                raise Ended(_error(GONE))
            case WatchFault.FAIL:
                raise Ended(_error(BROKEN))
            case WatchFault.LOSE:
                return []
            case _:
                if self._lost:
                    raise Ended(_error(GONE))
                return self._released()

    def line(self, line: bytes, fault: WatchFault | None) -> list[bytes]:
        """Return what arrives of a line of the server.

        Raises:
            Ended: the watch ends now.
        """
        self._history.append(line)
        match fault:
            case WatchFault.CUT:
                raise Ended(line[: len(line) // 2], reset=True)
            case WatchFault.LOSE:
                self._lost = True
                return []
            case WatchFault.DUPLICATE:
                return [line, line]
            case WatchFault.REPLAY:
                return [line, *self._history]
            case WatchFault.SWAP:
                return self._swapped(line)
            case WatchFault.GARBAGE if self._chance.random() < 0.3:
                return [line, b"<html><body>502 Bad Gateway</body></html>"]
            case WatchFault.TRUNCATE if self._chance.random() < 0.3:
                return [line[: len(line) // 2]]
            case WatchFault.HUGE if self._chance.random() < 0.1:
                return [_padded(line)]
            case WatchFault.NO_BOOKMARKS if b'"type":"BOOKMARK"' in line[:30]:
                return []
            case _:
                if self._lost:
                    raise Ended(_error(GONE))
                return [*self._released(), line]

    def _swapped(self, line: bytes) -> list[bytes]:
        if not self._held:
            self._held = line
            return []
        if _identity(self._held) == _identity(line):
            return [*self._released(), line]
        return [line, *self._released()]

    def _released(self) -> list[bytes]:
        held, self._held = self._held, b""
        return [held] if held else []


def _error(status: dict[str, Any]) -> bytes:
    return json.dumps({"type": "ERROR", "object": status}).encode()


def _identity(line: bytes) -> tuple[object, ...]:
    meta = json.loads(line)["object"].get("metadata", {})
    return meta.get("namespace"), meta.get("name")


def _padded(line: bytes) -> bytes:
    event = json.loads(line)
    event["object"].setdefault("metadata", {}).setdefault("annotations", {})["padding"] = PADDING
    return json.dumps(event).encode()
