"""A stream of bytes, cut anywhere, into lines; one line may be long, but not endless."""

from __future__ import annotations

from crosstree.base.errors import Unavailable

LONGEST_LINE = 32 * 2**20
"""Bytes. etcd stores objects up to 1.5 MiB; JSON of one is a few times that at worst."""


class Lines:
    """Feed chunks, get the lines that are complete."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, without line ends and without empty ones.

        Raises:
            Unavailable: a line grows beyond the limit: this is no watch.
        """
        head, *rest = chunk.split(b"\n")
        self._parts.append(head)
        self._held += len(head)
        if self._held > self._longest:
            raise Unavailable(f"the watch sent a line of more than {self._longest} bytes; starting it again")
        if not rest:
            return []
        complete = [b"".join(self._parts), *rest[:-1]]
        self._parts, self._held = [rest[-1]], len(rest[-1])
        return [line for line in complete if line.strip()]
