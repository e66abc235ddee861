"""TrainingJob: carries out, one step after the other, what `core.lifecycle` decides. A file per phase.

`reconciler` looks and hands each move to its phase; `record` is the only one that writes the status; `launch` makes
Service and pods; `sweep` deletes pods and waits; `expectations` bridges the time until the watch shows what we did.
"""

from crosstree.reconcilers.trainingjob.reconciler import TrainingJobReconciler

__all__ = ["TrainingJobReconciler"]
