"""What is written down about a running cluster, so that another command finds it, and about nothing else."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from localcluster import paths
from localcluster.control import Supervision
from localcluster.errors import NotRunning, StartError
from localcluster.proc import ProcessId
from localcluster.realnode import cleanup

_FILE = "cluster.json"
TEMPORARY = "localcluster-state-"  # prefix of folders of records that nobody named
_KEEP = 24 * 3600  # seconds
_OWNER = "owner.json"  # in the data folder: whose it is


@dataclass(frozen=True)
class Record:
    """A running cluster as another process finds it.

    Attributes:
        name: Its name, and the name of its folder of records.
        supervisor: Pid and start time of the process that owns the components.
        data: etcd's data and the control socket.
        server, token: Where the API server listens, and the admin's bearer token.
        bin: Folder of the binaries it runs.
        simulated: How many simulated nodes it was started with.
        real: Folder of its real nodes; "" when it has none.
    """

    name: str
    supervisor: tuple[int, int]
    data: str
    server: str
    token: str
    bin: str
    simulated: int
    real: str = ""

    @property
    def supervision(self) -> Supervision:
        """The handle on its supervisor."""
        return Supervision(ProcessId(*self.supervisor), Path(self.data))


def save(state: Path, record: Record) -> None:
    """Write a record (mode 0600: it holds a token), all of it or nothing."""
    draft = state / f"{_FILE}.new"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n")
    draft.replace(state / _FILE)


def load(state: Path) -> Record:
    """Read the record of a cluster that runs.

    Raises:
        NotRunning: there is no record, or the process it names is gone.
    """
    try:
        record = _read(state)
    except FileNotFoundError:
        others = ", ".join(names_up())
        instead = f"Up: {others}; add --name NAME to use one of them. " if others else ""
        named = "" if state.name == "default" else f" --name {state.name}"
        raise NotRunning(
            f"no cluster {state.name!r} is up. {instead}Start it with: python -m localcluster up{named}"
        ) from None
    if not record.supervision.process.alive():
        raise NotRunning(
            f"cluster {state.name!r} is gone (its supervisor, pid {record.supervisor[0]}, ended)."
        )
    return record


def names_up() -> list[str]:
    """Names of the clusters that are up, of those whose records lie where they do by default."""
    return sorted(file.parent.name for file in paths.state_root().glob(f"*/{_FILE}") if _alive(file.parent))


def _alive(state: Path) -> bool:
    try:
        return _read(state).supervision.process.alive()
    except (OSError, ValueError, TypeError, LookupError):
        return False  # ended, or begun, right now


def _read(state: Path) -> Record:
    found = json.loads((state / _FILE).read_text())
    return Record(**{**found, "supervisor": tuple(found["supervisor"])})


def forget(state: Path) -> None:
    """Remove the record; logs and kubeconfig stay, for whoever wants to know what happened."""
    (state / _FILE).unlink(missing_ok=True)


def claim(data: Path, process: ProcessId) -> None:
    """Note in a data folder whose it is, so that `sweep` can tell when nobody's."""
    (data / _OWNER).write_text(json.dumps([process.pid, process.start]))


def sweep() -> list[Path]:
    """Remove data folders whose supervisor was killed before it could tidy up. Returns those removed.

    Temporary folders of records, kept for their logs after a failure, go after a day.
    """
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        if folder.stat().st_uid == os.getuid() and time.time() - folder.stat().st_mtime > _KEEP:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    for parent in paths.data_parents():
        for folder in parent.glob(f"{paths.DATA_PREFIX}*"):
            try:
                owner = ProcessId(*json.loads((folder / _OWNER).read_text()))
            except (OSError, ValueError, TypeError):
                continue  # not ours, or being made right now
            if folder.stat().st_uid == os.getuid() and not owner.alive():
                if folder.name.startswith(paths.NODES_PREFIX):
                    with suppress(StartError):  # it is still there then, for the next sweep
                        cleanup.clean(folder)
                else:
                    shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed
