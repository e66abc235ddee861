"""A fleet: groups of simulated nodes, written in YAML, scaled to any size, expanded into node manifests. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from localcluster.api import Json
from localcluster.errors import FleetError
from localcluster.fabric import Fabric
from localcluster.manifest import node_manifest
from localcluster.profiles import Profile, profile

FLEETS = Path(__file__).resolve().parent / "fleets"
_FIELDS = {
    "name", "profile", "count", "share", "fabric", "labels", "annotations", "taints", "cordoned", "cpu", "memory",
    "resources",
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Nodes of one kind.

    Attributes:
        name: What they are called: name "h100" gives h100-000, h100-001, …
        profile: The kind of machine.
        count: How many, when fixed; None when the group takes a share.
        share: Weight in the division of the nodes that no group has fixed.
        cordoned: How many, the last ones, are unschedulable.
        cpu, memory, resources: In place of the profile's.
    """

    name: str
    profile: Profile
    count: int | None = None
    share: float = 0
    fabric: Fabric = field(default_factory=Fabric)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()
    cordoned: int = 0
    cpu: int | None = None
    memory: str | None = None
    resources: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Fleet:
    """Groups, and how many nodes they have together when nobody says otherwise."""

    groups: tuple[Group, ...]
    size: int = 64

    @classmethod
    def load(cls, file: Path | str) -> Fleet:
        """Read a fleet file; a bare name such as "mixed" is one of those that come with localcluster.

        Raises:
            FleetError: no such file, or something in it cannot be used; the message names file, group and field.
        """
        path = Path(file)
        shipped = FLEETS / f"{path.name}.yaml"
        if not path.suffix and not path.exists() and shipped.exists():
            path = shipped
        try:
            found = yaml.safe_load(path.read_text())
        except OSError as error:
            names = ", ".join(sorted(f.stem for f in FLEETS.glob("*.yaml")))
            raise FleetError(f"fleet {file} cannot be read: {error}. Shipped fleets are {names}.") from error
        return cls.parse(found, str(path))

    @classmethod
    def default(cls, nodes: int | None = None) -> Fleet:
        """The shipped mixed fleet, of so many nodes."""
        fleet = cls.load("mixed")
        return cls(fleet.groups, nodes or fleet.size)

    @classmethod
    def parse(cls, found: Any, where: str = "fleet") -> Fleet:
        """Make a fleet of what YAML gave.

        Raises:
            FleetError: as `load`.
        """
        if not isinstance(found, dict) or not found.get("groups"):
            raise FleetError(f"{where} has no `groups`; see localcluster/fleets/mixed.yaml for an example.")
        groups = tuple(_group(entry, f"{where}: groups[{i}]") for i, entry in enumerate(found["groups"]))
        names = [group.name for group in groups]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise FleetError(
                f"{where}: more than one group is named {', '.join(twice)}; give each its own `name`."
            )
        fixed = sum(group.count or 0 for group in groups)
        return cls(groups, int(found.get("nodes", 64 if any(g.share for g in groups) else fixed)))

    def counts(self, total: int | None = None) -> dict[str, int]:
        """Divide nodes among the groups: fixed counts first, the rest by share (largest remainder).

        A group with a share gets at least one node as long as there are enough.

        Raises:
            FleetError: the fixed counts exceed the total, or nothing may take what is left over.
        """
        total = self.size if total is None else total
        counts = {group.name: group.count or 0 for group in self.groups}
        if total == 0:
            return dict.fromkeys(counts, 0)
        sharing = [group for group in self.groups if group.count is None]
        rest = total - sum(counts.values())
        if rest < 0 or (rest > 0 and not sharing):
            raise FleetError(
                f"{total} nodes are wanted, but the groups fix {sum(counts.values())} by `count`. "
                "Give a group `share: 1` in place of `count` to let it grow and shrink."
            )
        weight = sum(group.share for group in sharing)
        floor = 1 if rest >= len(sharing) else 0
        spare = rest - floor * len(sharing)
        ideal = {group.name: spare * group.share / weight for group in sharing}
        for name, part in ideal.items():
            counts[name] = floor + int(part)
        by_remainder = sorted(ideal, key=lambda name: (int(ideal[name]) - ideal[name], name))
        for name in by_remainder[: total - sum(counts.values())]:
            counts[name] += 1
        return counts

    def nodes(self, total: int | None = None) -> list[Json]:
        """Expand into node manifests with status, ready to be created, in the order of the groups.

        Args:
            total: How many; the fleet's own size when None.
        """
        counts = self.counts(total)
        made: list[Json] = []
        for group in self.groups:
            made += _expand(group, counts[group.name], first_address=len(made))
        return made


def _group(entry: Any, where: str) -> Group:
    if not isinstance(entry, dict) or "profile" not in entry:
        raise FleetError(f"{where} needs a `profile`.")
    if unknown := sorted(set(entry) - _FIELDS):
        raise FleetError(f"{where} has unknown {', '.join(unknown)}; known are {', '.join(sorted(_FIELDS))}.")
    if ("count" in entry) == ("share" in entry):
        raise FleetError(f"{where} needs either `count` (so many nodes) or `share` (a weight), and not both.")
    values = dict(entry)
    values["profile"] = profile(entry["profile"], where)
    values.setdefault("name", values["profile"].prefix)
    values["fabric"] = Fabric.parse(where, entry.get("fabric") or {})
    values["taints"] = tuple(entry.get("taints") or ())
    group = Group(**values)
    if (group.count is None and group.share <= 0) or (group.count is not None and group.count < 0):
        raise FleetError(f"{where}: `count` may not be negative and `share` must be above 0.")
    return group


def _expand(group: Group, count: int, first_address: int) -> Sequence[Json]:
    width = max(3, len(str(count - 1)))
    return [
        node_manifest(
            name=f"{group.name}-{index:0{width}d}",
            profile=group.profile,
            address=first_address + index,
            labels=_labels(group, index, count),
            annotations={**_domains(group, index, annotation=True), **group.annotations},
            taints=group.taints,
            cordoned=index >= count - group.cordoned,
            cpu=group.cpu,
            memory=group.memory,
            resources=group.resources,
        )
        for index in range(count)
    ]


def _labels(group: Group, index: int, count: int) -> dict[str, str]:
    fabric = group.fabric.labels(group.name, index, count)
    return {**_domains(group, index, annotation=False), **fabric, **group.labels}


def _domains(group: Group, index: int, *, annotation: bool) -> dict[str, str]:
    unique = uuid.uuid5(uuid.NAMESPACE_DNS, group.name)
    return {
        domain.key: domain.value.format(
            group=group.name, domain=index // domain.nodes, member=index % domain.nodes, uuid=unique
        )
        for domain in group.profile.domains
        if domain.annotation == annotation
    }
