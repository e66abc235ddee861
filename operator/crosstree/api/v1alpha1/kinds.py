"""The kinds of this version, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from crosstree.api.v1alpha1.acceleratorpool import AcceleratorPool
from crosstree.api.v1alpha1.aicluster import AICluster
from crosstree.api.v1alpha1.common import Object
from crosstree.api.v1alpha1.jobqueue import JobQueue
from crosstree.api.v1alpha1.trainingjob import TrainingJob

KINDS: Mapping[str, type[Object]] = MappingProxyType(
    {model.KIND: model for model in (AICluster, AcceleratorPool, JobQueue, TrainingJob)}
)
