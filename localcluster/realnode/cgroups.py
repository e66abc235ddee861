"""Control groups of real nodes: below the caller's own, so that nothing escapes its accounting."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from localcluster.errors import StartError

MOUNT = Path("/sys/fs/cgroup")
_NEEDED = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")
_LEAF = "system"  # version 2: a group with groups below it may hold no process of its own


def unified() -> bool:
    """Tell whether this machine has control groups of version 2 only."""
    return (MOUNT / "cgroup.controllers").exists()


def roots() -> tuple[Path, ...]:
    """Find the folders below which a cluster's groups are made, one per hierarchy.

    Version 1: the caller's own group in each. Version 2: the root, since a group that holds the caller itself can
    give no controllers to groups below it.
    """
    if unified():
        return (MOUNT,)
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.removeprefix("name=").split(","):
            own[controller] = path.strip("/")
    return tuple(MOUNT / name / own[name] for name in _NEEDED if name in own and (MOUNT / name).is_dir())


def hierarchies() -> list[str]:
    """List the controllers of version 1 that a node mounts; none with version 2."""
    return [] if unified() else [name for name in _NEEDED if (MOUNT / name).is_dir()]


def make(groups: Iterable[Path]) -> None:
    """Make a node's groups, empty; what its former life left is removed.

    Raises:
        StartError: the kernel refuses; OSError likewise.
    """
    for group in groups:
        remove(group)
        for folder in (group.parent, group):
            folder.mkdir(exist_ok=True)
            for name in (
                "cpuset.cpus",
                "cpuset.mems",
            ):  # version 1: a new set is empty, and useless until filled
                if group.is_relative_to(MOUNT / "cpuset"):
                    (folder / name).write_text((folder.parent / name).read_text())
        if unified():
            for folder in (group.parent.parent, group.parent):
                _pass_on(folder)


def settle(groups: Iterable[Path]) -> None:
    """Version 2: move this process one group down, so that kubelet may give controllers to its own groups.

    Done after the control group namespace was made: the node's group, not this one, is its root.
    """
    if unified():
        for group in groups:
            (group / _LEAF).mkdir()
            join([group])
            _pass_on(group)


def _pass_on(group: Path) -> None:
    offered = (group / "cgroup.controllers").read_text().split()
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in offered))


def join(groups: Iterable[Path]) -> None:
    """Move this process into a node's groups.

    Raises:
        StartError: a group is not there: the node does not run.
    """
    for group in groups:
        inner = group / _LEAF
        target = (inner if inner.is_dir() else group) / "cgroup.procs"
        try:
            target.write_text(str(os.getpid()))
        except OSError as error:
            raise StartError(f"cannot join {target}: {error}. Does the node run?") from error


def remove(group: Path, within: float = 10.0) -> None:
    """Kill whatever is left in a group and below it, and remove it.

    Raises:
        StartError: it still holds something after so many seconds.
    """
    deadline = time.monotonic() + within
    while group.is_dir():
        for folder, _, _ in os.walk(group, topdown=False):
            for pid in _members(Path(folder)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(OSError):  # busy until the last process is reaped
                Path(folder).rmdir()
        if time.monotonic() > deadline:
            raise StartError(f"control group {group} cannot be emptied within {within:.0f} s")
        if group.is_dir():
            time.sleep(0.02)


def _members(group: Path) -> list[int]:
    try:
        return [pid for line in (group / "cgroup.procs").read_text().split() if (pid := int(line)) > 1]
    except OSError:
        return []
