"""Whose turn it is: the queue with the smallest share, and in it priority, recovery, age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from crosstree.core.quota import Accounts
from crosstree.core.workload import Gang


def in_order(gangs: Iterable[Gang]) -> list[Gang]:
    """Sort gangs of one queue: higher priority first, then those that recover, then older, then by name.

    A gang that ran has lost work; the nodes it had are free for the others the moment it no longer holds them.
    """
    return sorted(
        gangs, key=lambda gang: (-gang.priority, not gang.recovering, gang.created, gang.key, gang.uid)
    )


def line(gangs: Iterable[Gang], accounts: Accounts) -> Iterator[tuple[int, Gang]]:
    """Yield every gang once with its position in its queue, from 1; shares are looked at anew after each.

    O(n log n). Queues of equal rank take turns by the order inside them: theirs is one line.
    """
    queues: dict[str, list[Gang]] = {}
    for gang in in_order(gangs):
        queues.setdefault(gang.queue, []).append(gang)
    heads = [(accounts.rank(name), _place_in_line(members[0]), name, 0) for name, members in queues.items()]
    heapify(heads)
    while heads:
        rank, place, name, index = heappop(heads)
        now = accounts.rank(name)
        if now != rank:  # it has been given something since it was put back
            heappush(heads, (now, place, name, index))
            continue
        members = queues[name]
        yield index + 1, members[index]
        if index + 1 < len(members):
            heappush(heads, (accounts.rank(name), _place_in_line(members[index + 1]), name, index + 1))


def _place_in_line(gang: Gang) -> tuple[int, bool, float, str, str]:
    return (-gang.priority, not gang.recovering, gang.created, gang.key, gang.uid)
