"""Free loopback ports, chosen where outgoing connections are not given theirs."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 18000, 32000  # below the kernel's default ephemeral range


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Choose distinct ports nobody listens on now.

    Nothing keeps them free until they are used: the caller retries when one is lost to another process.

    Raises:
        OSError: no free port was found.
    """
    held: list[socket.socket] = []
    try:
        for port in random.sample(range(_FIRST, _LAST), 2000):
            probe = socket.socket()
            try:
                probe.bind((address, port))
            except OSError:
                probe.close()
                continue
            held.append(probe)
            if len(held) == count:
                return [int(probe.getsockname()[1]) for probe in held]
        raise OSError(f"no {count} free ports on {address} between {_FIRST} and {_LAST}")
    finally:
        for probe in held:
            probe.close()
