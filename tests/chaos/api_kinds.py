"""Faults on the way to the API server."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tests.chaos.kinds import KINDS, Kind
from tests.chaos.stage import Stage
from tests.support.faulty_proxy import READS, WRITES, Act, Rule
from tests.support.watch_faults import WatchFault


def _refused(status: int, reason: str, share: float, **more: object) -> Rule:
    return Rule(Act.ANSWER, status=status, reason=reason, share=share, **more)  # type: ignore[arg-type]


def _watches(fault: WatchFault) -> Rule:
    return Rule(watch=fault)


TABLE: tuple[tuple[str, str, tuple[Rule, ...]], ...] = (
    ("409", "Half of the changes meet a conflict.", (_refused(409, "Conflict", 0.5, methods=WRITES),)),
    (
        "410-at-start",
        "No watch may begin where it was: 410.",
        (_refused(410, "Expired", 1, methods=("WATCH",)),),
    ),
    ("410-in-watch", "Every watch ends with 410, again and again.", (_watches(WatchFault.EXPIRE),)),
    (
        "410-in-list",
        "Watches end with 410, and half of the lists that follow, too.",
        (_watches(WatchFault.EXPIRE), _refused(410, "Expired", 0.5, methods=("GET",))),
    ),
    (
        "429",
        "Most requests are refused for a second: 429 and Retry-After.",
        (_refused(429, "TooManyRequests", 0.7, retry_after="1"),),
    ),
    ("500", "Most requests fail with 500.", (_refused(500, "InternalError", 0.7),)),
    ("503", "Every request fails with 503.", (_refused(503, "ServiceUnavailable", 1),)),
    (
        "504",
        "Half of the writes time out on the server, undone.",
        (_refused(504, "Timeout", 0.5, methods=WRITES),),
    ),
    (
        "504-done",
        "Half of the writes are done, and the answer is lost.",
        (Rule(Act.LOSE_ANSWER, methods=WRITES, share=0.5),),
    ),
    (
        "all-answers-lost",
        "Every write is done, and no answer arrives.",
        (Rule(Act.LOSE_ANSWER, methods=WRITES),),
    ),
    ("reset", "Half of the connections are reset before anything is done.", (Rule(Act.LOSE, share=0.5),)),
    ("no-answer-to-writes", "Writes are never answered nor done.", (Rule(Act.SILENCE, methods=WRITES),)),
    ("no-answer", "Nothing is answered.", (Rule(Act.SILENCE), _watches(WatchFault.STALL))),
    ("slow", "Every request takes half a second longer.", (Rule(Act.LATE, seconds=0.5),)),
    (
        "answers-cut",
        "Half of the answers break off in the middle.",
        (Rule(Act.CUT, methods=("GET", *WRITES), share=0.5),),
    ),
    (
        "answers-truncated",
        "Half of the answers are only the first half.",
        (Rule(Act.TRUNCATE, methods=("GET", *WRITES), share=0.5), _watches(WatchFault.EXPIRE)),
    ),
    (
        "answers-garbage",
        "A proxy answers half of the requests with a login page.",
        (Rule(Act.GARBAGE, share=0.5), _watches(WatchFault.EXPIRE)),
    ),
    ("403", "The operator's rights are gone for a while.", (_refused(403, "Forbidden", 1),)),
    (
        "401",
        "The operator's token is refused for a while.",
        (_refused(401, "Unauthorized", 1), _watches(WatchFault.END)),
    ),
    (
        "403-watch",
        "The operator may not watch for a while.",
        (_refused(403, "Forbidden", 1, methods=READS), _watches(WatchFault.END)),
    ),
    ("watch-cut", "Watches break off in the middle of a line.", (_watches(WatchFault.CUT),)),
    ("watch-ends", "Watches end as soon as they have begun.", (_watches(WatchFault.END),)),
    ("watch-stalls", "Watches stand, and what they held back comes later.", (_watches(WatchFault.STALL),)),
    ("watch-fails", "Watches end with an ERROR event, code 500.", (_watches(WatchFault.FAIL),)),
    ("watch-loses", "Events are lost, and 410 tells so in the end.", (_watches(WatchFault.LOSE),)),
    ("watch-duplicates", "Every event comes twice.", (_watches(WatchFault.DUPLICATE),)),
    ("watch-replays", "With every event the last eight come again.", (_watches(WatchFault.REPLAY),)),
    ("watch-swaps", "Events of different objects change places.", (_watches(WatchFault.SWAP),)),
    ("watch-garbage", "Lines that are no JSON come between the events.", (_watches(WatchFault.GARBAGE),)),
    (
        "watch-truncates",
        "Of some events only the first half comes, as a whole line.",
        (_watches(WatchFault.TRUNCATE),),
    ),
    ("watch-huge", "Some objects weigh more than a megabyte.", (_watches(WatchFault.HUGE),)),
    ("no-bookmarks", "Bookmarks never come.", (_watches(WatchFault.NO_BOOKMARKS),)),
)


def _deed(rules: tuple[Rule, ...]) -> object:
    def on(stage: Stage) -> AbstractContextManager[None]:
        return stage.proxy.rules(*rules)

    return on


for _name, _says, _rules in TABLE:
    KINDS[f"api/{_name}"] = Kind(f"api/{_name}", _says, _deed(_rules), exits=_name.startswith("403"))  # type: ignore[arg-type]
