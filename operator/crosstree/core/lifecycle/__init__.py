"""The life of a TrainingJob: from facts to the next move. Pure; reads no clock and knows no API.

`next_move` is the story, in `decide`; `failure` says why an attempt can't go on, `alone` when one worker will do,
`refusal` what the API server's no means; `moves` are the answers as values and what each leaves in the status;
`facts` is what all of it is decided on.
"""

from crosstree.core.lifecycle.decide import (
    QUIET_START,
    avoided,
    banned,
    next_move,
    told_until,
    wants_placement,
)
from crosstree.core.lifecycle.facts import (
    JobFacts,
    finished,
    preempted,
    recovering,
    resizing,
    was_ready,
    withdrawing,
)
from crosstree.core.lifecycle.foretell import told_first
from crosstree.core.lifecycle.making_room import SAVED_SECONDS, plan_after, stands
from crosstree.core.lifecycle.moves import (
    Cause,
    Expire,
    Finish,
    GiveBack,
    Hold,
    Launch,
    Move,
    Preempt,
    Recover,
    Release,
    Remake,
    Reopen,
    Serve,
    StorePlacement,
    Suspend,
    Sweep,
    Withdraw,
    after,
)
from crosstree.core.lifecycle.refusal import LAUNCH_SECONDS, Trouble, after_creation, backoff

__all__ = [
    "LAUNCH_SECONDS",
    "QUIET_START",
    "SAVED_SECONDS",
    "Cause",
    "Expire",
    "Finish",
    "GiveBack",
    "Hold",
    "JobFacts",
    "Launch",
    "Move",
    "Preempt",
    "Recover",
    "Release",
    "Remake",
    "Reopen",
    "Serve",
    "StorePlacement",
    "Suspend",
    "Sweep",
    "Trouble",
    "Withdraw",
    "after",
    "after_creation",
    "avoided",
    "backoff",
    "banned",
    "finished",
    "next_move",
    "plan_after",
    "preempted",
    "recovering",
    "resizing",
    "stands",
    "told_first",
    "told_until",
    "wants_placement",
    "was_ready",
    "withdrawing",
]
