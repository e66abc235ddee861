"""What is said of a cluster that is not up. Needs no cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localcluster import NotRunning, records
from localcluster.proc import ProcessId


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the records of all clusters."""
    monkeypatch.setenv("LOCALCLUSTER_STATE", str(tmp_path))
    return tmp_path


def a_record(root: Path, name: str, *, alive: bool = True) -> None:
    """Write down a cluster whose supervisor is this process, or one that is gone."""
    own = ProcessId.of(os.getpid())
    assert own is not None
    (root / name).mkdir()
    supervisor = (own.pid, own.start if alive else own.start - 1)
    records.save(root / name, records.Record(name, supervisor, "", "", "", "", 0))


def test_a_cluster_that_is_not_up_is_told_with_those_that_are(root: Path) -> None:
    for name in ("e2e", "bench"):
        a_record(root, name)
    a_record(root, "ended", alive=False)
    (root / "odd").mkdir()
    (root / "odd" / "cluster.json").write_text("{")
    with pytest.raises(NotRunning) as told:
        records.load(root / "default")
    assert str(told.value) == (
        "no cluster 'default' is up. Up: bench, e2e; add --name NAME to use one of them. "
        "Start it with: python -m localcluster up"
    )


def test_where_no_cluster_is_up_none_is_offered(root: Path) -> None:
    with pytest.raises(NotRunning, match=r"is up\. Start it with: python -m localcluster up$"):
        records.load(root / "default")
    with pytest.raises(NotRunning, match=r"python -m localcluster up --name other$"):
        records.load(root / "other")
