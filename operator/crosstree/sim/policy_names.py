"""Names of those who may decide in a replay: what the command line offers without loading any of them."""

from __future__ import annotations

from enum import Enum


class PolicyName(Enum):
    """What `--policy` takes."""

    PRODUCTION = "production"
    """The operator's own cycle."""
    SHORTEST_EXPECTED = "shortest-expected"
    """The operator's own cycle with `Order.SHORTEST_EXPECTED` inside queues."""
    FIFO = "fifo"
    """First come, first served."""
    EASY = "easy"
    """EASY backfill that counts accelerators and does not look where they are."""
    BEST_FIT = "best-fit"
    """Whoever fits, on the leaf left fullest, without reservations."""
    LAS = "las"
    """Tiresias-like least attained service; stops are charged."""
    RANDOM = "random"
    """Whoever fits, in an order without sense."""
    SRTF_ORACLE = "srtf-oracle"
    """Shortest remaining time, known exactly, with stops that cost nothing: a bound, not a scheduler."""
