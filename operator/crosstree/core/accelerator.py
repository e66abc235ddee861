"""What the core knows of a kind of accelerator: a row of the catalog as a value.

The rows themselves, with their sources, live in `catalog/data`. How an intra-node rule limits pods is
decided in `intranode`; this module only names the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Rule(Enum):
    """How the devices of one node are wired, as far as it limits which counts a pod may take."""

    ALL_TO_ALL = "all-to-all"
    """Every device reaches every other equally: any count, any devices."""
    NONE = "none"
    """No link but PCIe: any count, and no promise about peer traffic."""
    GROUPS = "groups"
    """Islands of `size` devices with a slow path between them (rings, quads, pairs)."""
    MIRRORED = "mirrored-rings"
    """Two islands of `size`; a pod larger than one takes the same positions of both."""
    FULL_NODE = "full-node-only"
    """A pod takes every device of its node or none."""


class Cross(Enum):
    """What happens to a pod that would straddle two islands."""

    FORBID = "forbid"
    PENALISE = "penalise"


@dataclass(frozen=True, slots=True)
class IntraNode:
    """The intra-node rule of a chip, as data.

    `legal` lists the per-pod device counts the vendor's plugin accepts, in ascending order; empty means
    any. `size` is the devices of one island for `GROUPS` and `MIRRORED`, else 0.
    """

    rule: Rule = Rule.ALL_TO_ALL
    size: int = 0
    cross: Cross = Cross.FORBID
    legal: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of accelerator.

    Attributes:
        id: Name in specs and status, for example `nvidia-h100-sxm`.
        vendor: Lower-case vendor, for example `nvidia`.
        kind: gpu, npu, tpu, fpga, ipu, xpu.
        title: Human name, for example `NVIDIA H100 SXM`.
        memory_gib: Per device; 0 where unknown.
        devices_per_node: Usual number in a full node; 0 where it varies.
        intra: The intra-node rule.
        gang: False where devices can't talk to each other (MIG slices, time-shared): such a pod takes
            one device and a gang of several workers is refused.
        slice_label: Node label whose value names one atomic slice (TPU node pools): a gang takes a whole
            slice or none of it. Empty where there is no such thing.
        domain_labels: Node labels, best first, that name the accelerator domain between leaf and node
            (NVLink clique, super pod).
        collective: Library its traffic uses (nccl, rccl, hccl, ...); for environment presets.
    """

    id: str
    vendor: str
    kind: str = "gpu"
    title: str = ""
    memory_gib: int = 0
    devices_per_node: int = 0
    intra: IntraNode = field(default_factory=IntraNode)
    gang: bool = True
    slice_label: str = ""
    domain_labels: tuple[str, ...] = ()
    collective: str = ""
