"""`spec.checkpoint` of a TrainingJob: what stopping it costs."""

from __future__ import annotations

from crosstree.api.v1alpha1.common import Duration, Wire


class Checkpoint(Wire):
    """What it costs to stop the job for another one, and how it saves its work first."""

    grace: Duration = "30s"
    """Time its workers have after SIGTERM to save their work when the job is stopped for another. Their own
    terminationGracePeriodSeconds are kept where they are longer."""
    restart_cost: Duration = "60s"
    """What starting again costs besides the work since the last checkpoint: images, loading, warming up. Of two jobs
    that could make room, the one that loses less is stopped."""
