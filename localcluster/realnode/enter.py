"""Run a command on a real node: in its control groups and namespaces. It ends with the process that started this one.

python -m localcluster.realnode.enter FOLDER NAME COMMAND…
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from localcluster.realnode import cgroups, machine, plan


def main() -> NoReturn:
    """Become the command, one process removed: nsenter stays as its parent outside the node."""
    here, name, command = plan.load(Path(sys.argv[1])), sys.argv[2], sys.argv[3:]
    first = (here.home(name) / machine.PID).read_text()
    cgroups.join(here.node_cgroups(name))
    namespaces = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")
    # setpriv: nsenter hands no signal on; a command whose nsenter is killed must not go on without it.
    inside = ["setpriv", "--pdeathsig", "KILL", *command]
    os.execvp("nsenter", ["nsenter", "--target", first, *namespaces, "--", *inside])


if __name__ == "__main__":
    main()
