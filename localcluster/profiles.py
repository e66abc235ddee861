"""Node shapes: what a real machine of a kind publishes. The shapes themselves are data, in profiles.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from localcluster.errors import FleetError

_FILE = Path(__file__).resolve().parent / "profiles.yaml"


@dataclass(frozen=True)
class Domain:
    """A tightly coupled set of nodes (NVLink rack, TPU slice, super-pod) as a label or annotation tells it.

    Attributes:
        key: The label or annotation.
        nodes: How many nodes one domain has.
        value: What it says, with `{group}`, `{domain}` (number of the domain in the group), `{member}` (number of
            the node in the domain) and `{uuid}` (one per group) filled in.
        annotation: It is an annotation, not a label.
    """

    key: str
    nodes: int
    value: str
    annotation: bool = False


@dataclass(frozen=True)
class Profile:
    """One kind of machine.

    Attributes:
        vendor: Whose accelerators it carries.
        title: What it is, in words.
        prefix: What its nodes are called when a fleet group has no name.
        resources: Extended resources, in whole devices.
        labels, annotations, taints: As the vendor's software or cloud sets them on the node.
        cpu, memory: Of the whole node; Kubernetes quantities.
        arch: CPU architecture.
        domains: Sets of nodes it comes in.
    """

    name: str
    vendor: str
    title: str
    prefix: str
    resources: Mapping[str, int]
    cpu: int
    memory: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()
    arch: str = "amd64"
    domains: tuple[Domain, ...] = ()


@cache
def profiles() -> Mapping[str, Profile]:
    """Read the built-in profiles, by name.

    Raises:
        FleetError: the data file is malformed; the message names profile and field.
    """
    known = {f.name for f in fields(Profile)} - {"name"}
    found: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text())
    made = {}
    for name, entry in found.items():
        if unknown := sorted(set(entry) - known):
            raise FleetError(f"profiles.yaml: {name} has unknown {', '.join(unknown)}.")
        domains = tuple(Domain(**domain) for domain in entry.pop("domains", ()))
        taints = tuple(entry.pop("taints", ()))
        made[name] = Profile(name=name, domains=domains, taints=taints, **entry)
    return made


def profile(name: str, where: str) -> Profile:
    """Look a profile up.

    Raises:
        FleetError: there is none of that name; the message lists those of similar name, or all.
    """
    if name in profiles():
        return profiles()[name]
    near = [known for known in profiles() if known.split("-")[0] == name.split("-", maxsplit=1)[0]] or list(
        profiles()
    )
    raise FleetError(f"{where}.profile is {name!r}, which does not exist. There are {', '.join(near)}.")
