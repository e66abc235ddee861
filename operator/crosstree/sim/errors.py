"""What only the simulator raises."""

from __future__ import annotations

from crosstree.base.errors import CrosstreeError


class BrokenRule(CrosstreeError):
    """A decision, or a driver, asked a simulated cluster for what can't be: a bug, never a user's mistake."""
