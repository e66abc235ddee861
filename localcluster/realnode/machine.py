"""The machine of one real node: its namespaces, its mounts, its cable, and process 1, which reaps what it inherits.

Run as `python -m localcluster.realnode.machine FOLDER NAME` by the supervisor. The pid of process 1, as seen from
outside, is in the node's folder as soon as others may enter. When this process is killed, the kernel kills process 1
and with it everything in the node.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from localcluster.realnode import cgroups, network, plan
from localcluster.realnode.network import run

PID = "init.pid"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWPID, _NEWNET = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000,
)  # fmt: skip
_SYSCTLS = {  # what kubelet writes when it finds something else; these are the whole machine's
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_WRITTEN = (
    "/var/lib",
    "/var/log",
    "/etc",
)  # by kubelet, containerd and CNI; the machine's own stay as they are


def main() -> NoReturn:
    """Build the machine, let process 1 live in it, end with it."""
    here, name = plan.load(Path(sys.argv[1])), sys.argv[2]
    home, supervisor = here.home(name), os.getppid()
    groups = here.node_cgroups(name)
    (home / PID).unlink(missing_ok=True)
    cgroups.make(groups)
    cgroups.join(groups)
    _unshare(_NEWNET | _NEWUTS | _NEWIPC | _NEWCGROUP)
    cgroups.settle(groups)
    network.connect(here, name, outside=supervisor)
    socket.sethostname(name)
    _unshare(_NEWNS)
    _mount(home)
    _unshare(_NEWPID)
    ready, told = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(ready)
        _first(home, told)
    os.close(told)
    if os.read(ready, 1):
        draft = home / f"{PID}.new"
        draft.write_text(str(first))
        draft.replace(home / PID)
    _, status = os.waitpid(first, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def _mount(home: Path) -> None:
    """Make the file system of the node: the machine's, with places of its own where a node writes."""
    controllers = cgroups.hierarchies()
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    if not controllers:
        run("mount", "-t", "cgroup2", "cgroup2", str(cgroups.MOUNT))
    else:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(cgroups.MOUNT))
        for controller in controllers:
            _fresh(cgroups.MOUNT / controller)
            options = "none,name=systemd" if controller == "systemd" else controller
            run("mount", "-t", "cgroup", "-o", options, "cgroup", str(cgroups.MOUNT / controller))
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    scratch = _fresh(home / "scratch")
    run("mount", "-t", "tmpfs", "tmpfs", str(scratch))
    for number, lower in enumerate(_WRITTEN):
        upper, work = _fresh(scratch / f"{number}"), _fresh(scratch / f"{number}.work")
        run(
            "mount",
            "-t",
            "overlay",
            "-o",
            f"lowerdir={lower},upperdir={upper},workdir={work}",
            "overlay",
            lower,
        )
    for own, there in (("kubelet", "/var/lib/kubelet"), ("pods", "/var/log/pods"), ("cni", "/etc/cni/net.d")):
        run("mount", "--bind", str(_fresh(home / own)), str(_fresh(Path(there))))
    _fresh(Path("/var/log/containers"))


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _first(home: Path, told: int) -> NoReturn:
    """Process 1 of the node."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    run("mount", "-t", "proc", "proc", "/proc")
    for key, value in _SYSCTLS.items():
        pretended = _fresh(home / "sysctl") / key.replace("/", ".")
        pretended.write_text(value + "\n")
        run("mount", "--bind", str(pretended), f"/proc/sys/{key}")
    run("mount", "--make-rshared", "/")  # kubelet's mounts for volumes must reach containerd
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    os.write(told, b"1")  # an error, and the end of the node, if the launcher is gone already
    os.close(told)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigwait({signal.SIGCHLD})


if __name__ == "__main__":
    main()
