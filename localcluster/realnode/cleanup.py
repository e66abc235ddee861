"""Remove what outlives the processes of real nodes: control groups, the bridge, the folder. Harmless twice.

python -m localcluster.realnode.cleanup FOLDER
"""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

from localcluster.errors import StartError
from localcluster.realnode import cgroups, network, plan


def clean(folder: Path) -> None:
    """Remove everything the plan in a folder names, and the folder last: as long as it is there, there is work left.

    Raises:
        StartError: a control group cannot be emptied; the rest is removed all the same.
    """
    try:
        with suppress(OSError, ValueError, TypeError):
            here = plan.load(folder)
            for root in here.cgroups:
                cgroups.remove(root / here.bridge)
    finally:
        network.remove(folder)
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Clean the folder that the command line names."""
    try:
        clean(Path(sys.argv[1]))
    except StartError as error:
        sys.exit(f"cleanup: {error}")


if __name__ == "__main__":
    main()
