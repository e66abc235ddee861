"""Readers: what they take, what they make of it, and what they say about a file that is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from crosstree.base.errors import SpecError
from crosstree.sim.inventory import NodeFact, inventory
from crosstree.sim.traces.jobs import Entry, columns, split
from crosstree.sim.traces.nodes import nodes, on_fabric, tiled
from crosstree.sim.traces.queues import queues
from crosstree.sim.traces.read import read
from crosstree.sim.traces.shape import DAY, first, loaded, offered, possible, superposed
from tests.sim.conftest import TRACES

HEAD = "job_id,submit_time_s,duration_s,num_accelerators,num_nodes,queue\n"


def a_file(folder: Path, text: str, name: str = "jobs.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_helios_of_the_repository_has_the_jobs_its_source_names() -> None:
    jobs = read(TRACES / "helios_venus_2020_15k.csv.gz")
    assert len(jobs) == 10_796 and jobs.left_out == {"noAccelerator": 4_204}
    assert int(jobs.accelerators.max()) == 160 and int(jobs.workers.max()) == 20
    venus = inventory(nodes(TRACES / "helios_venus_2020_nodes.csv.gz"))
    assert venus.total == 1_064
    assert offered(jobs, venus.total) == pytest.approx(0.70, abs=0.01)  # traces/README.md


def test_philly_of_the_repository_has_the_jobs_its_source_names() -> None:
    jobs = read(TRACES / "philly_2017_jobs.csv.gz")
    assert len(jobs) == 82_247 and len(jobs.queues) == 15
    assert jobs.work / 3600 == pytest.approx(978_078, rel=1e-5)
    assert int(jobs.accelerators.max()) == 128 and int(jobs.workers.max()) == 16


def test_lingjun_and_dgx_fabrics_have_their_levels() -> None:
    lingjun = inventory(nodes(TRACES / "topology_lingjun_2023.csv.gz"))
    assert [level.size for level in lingjun.pools[0].fabric.levels] == [1, 3, 119, 847]
    dgx = inventory(nodes(TRACES / "topology_dgx_superpod_2025.csv.gz"))
    assert [level.size for level in dgx.pools[0].fabric.levels] == [1, 1, 8, 119]


@pytest.mark.parametrize(
    ("accelerators", "expected"),
    [(1, (1, 1)), (8, (1, 8)), (12, (2, 6)), (16, (2, 8)), (13, (13, 1)), (0, (1, 0))],
)
def test_a_total_becomes_few_equal_workers(accelerators: int, expected: tuple[int, int]) -> None:
    assert split(accelerators) == expected


def test_heliosdata_as_published_is_read(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n"
        "7,u1,vcA,16,64,2,COMPLETED,2020-05-28 00:00:10,x,x,60,0\n"
        "8,u2,vcB,1,4,1,FAILED,2020-05-28 00:01:10,x,x,5,0\n",
    )
    jobs = read(path)
    assert jobs.ids == ("7", "8") and jobs.submit.tolist() == [0.0, 60.0]
    assert jobs.workers.tolist() == [2, 1] and jobs.queues == ("vcA", "vcB")


def test_philly_as_published_is_read(tmp_path: Path) -> None:
    def attempt(start: str, end: str | None, gpus: int) -> dict[str, object]:
        return {"start_time": start, "end_time": end, "detail": [{"ip": "m1", "gpus": ["g"] * gpus}]}

    runs = [
        attempt("2017-10-09 07:00:10", "2017-10-09 07:01:10", 8),
        attempt("2017-10-09 07:02:00", "2017-10-09 07:02:30", 16),
    ]
    told = {"vc": "q", "submitted_time": "2017-10-09 07:00:00"}
    log = [{"jobid": "a", "attempts": runs, **told}, {"jobid": "never", "attempts": [], **told}]
    jobs = read(a_file(tmp_path, json.dumps(log), "cluster_job_log"))
    assert jobs.ids == ("a",) and jobs.duration.tolist() == [90.0] and jobs.accelerators.tolist() == [16]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("job_id,submit_time_s\n", "line 1: columns duration_s, num_accelerators are missing"),
        (HEAD + "a,0,60,8,1,\nb,soon,60,8,1,\n", "line 3, column submit_time_s: found 'soon', but a number"),
        (HEAD + "a,0,60,2.5,1,\n", "line 2, column num_accelerators: found '2.5', but a whole number"),
        (HEAD + "a,0,-60,8,1,\n", "line 2, column duration_s: found '-60'"),
        (HEAD + "a,0,60,8,1,\na,1,60,8,1,\n", "line 3, column job_id: found 'a'"),
        (HEAD + "a,0,60,8,3,\n", "a multiple of num_nodes, which is 3"),
        (HEAD + "a,0,60\n", "line 2: found 3 cells, but the header has 6 columns"),
        (HEAD + "a,0,60,0,1,\n", "no job that asks for an accelerator"),
        ("", "are missing; found nothing"),
        ("[1, 2", "is no JSON"),
    ],
)
def test_a_bad_trace_is_told_by_file_line_and_column(tmp_path: Path, text: str, says: str) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(SpecError) as told:
        read(path)
    assert says in str(told.value) and str(path) in str(told.value)


def test_a_damaged_archive_is_told_before_half_of_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "a,0,60,8,1,\n" * 1000).encode())[:-20])
    with pytest.raises(SpecError, match=r"can't be read.*Give a CSV file"):
        read(path)


def test_a_bad_inventory_is_told_by_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="line 3, column node: found 'n1'"):
        nodes(a_file(tmp_path, "node,num_accelerators\nn1,8\nn1,8\n"))
    with pytest.raises(SpecError, match="line 2, column num_accelerators: found '0'"):
        nodes(a_file(tmp_path, "node,num_accelerators\nn1,0\n"))


def test_load_is_what_was_asked_for() -> None:
    jobs = columns([Entry("a", 0, 100, 1, 8), Entry("b", 50, 100, 1, 8)], {})
    assert offered(loaded(jobs, 0.9, 16), 16) == pytest.approx(0.9)


def test_jobs_of_one_instant_can_t_be_stretched() -> None:
    with pytest.raises(SpecError, match="one instant"):
        loaded(columns([Entry("a", 0, 1, 1, 1)], {}), 0.9, 8)


def test_copies_keep_the_hour_and_have_names_of_their_own() -> None:
    jobs = columns([Entry("a", 3600, 10, 1, 1), Entry("b", DAY + 7200, 10, 1, 1)], {})
    three = superposed(jobs, 3)
    assert len(set(three.ids)) == 6 and sorted(three.submit.tolist()) == three.submit.tolist()
    hours = {name[-1]: at % DAY for name, at in zip(three.ids, three.submit.tolist(), strict=True)}
    assert hours == {"a": 3600.0, "b": 7200.0}
    assert float(three.submit.max()) < 2 * DAY  # what is shifted past the last day goes on at the first
    assert three.work == 3 * jobs.work


def test_limits_take_the_first() -> None:
    jobs = columns([Entry(str(i), i * DAY / 2, 1, 1, 1) for i in range(6)], {})
    assert first(jobs, 2, None).ids == ("0", "1") and first(jobs, None, 1.0).ids == ("0", "1")


def test_jobs_that_can_never_run_are_left_out_and_counted() -> None:
    small = inventory([NodeFact("n", "", 8)])
    jobs = columns([Entry("fits", 0, 1, 1, 8), Entry("wide", 0, 1, 2, 8), Entry("fat", 0, 1, 1, 16)], {})
    left = possible(jobs, small)
    assert left.ids == ("fits",) and left.left_out == {"tooLarge": 2}


def test_a_model_that_no_node_has_is_an_error() -> None:
    jobs = columns([Entry("a", 0, 1, 1, 8, model="H100")], {})
    with pytest.raises(SpecError, match=r"job a asks for accelerator model 'H100', but the nodes have V100"):
        possible(jobs, inventory([NodeFact("n", "V100", 8)]))


def test_nodes_without_a_model_run_every_job() -> None:
    jobs = columns([Entry("a", 0, 1, 1, 8, model="H100")], {})
    assert possible(jobs, inventory([NodeFact("n", "", 8)])) is jobs


def test_tiles_are_fabrics_of_their_own() -> None:
    facts = [NodeFact("n0", "", 8, "l0", "s0"), NodeFact("n1", "", 8, "l1", "s0")]
    twice = inventory(tiled(facts, 2))
    assert [level.size for level in twice.pools[0].fabric.levels] == [2, 4, 4]
    placed = on_fabric([NodeFact(f"x{i}", "", 8) for i in range(3)], facts)
    assert {node.spine for node in placed} == {"c0-s0", "c1-s0"}


def test_virtual_clusters_become_guarantees(tmp_path: Path) -> None:
    small = inventory([NodeFact(f"n{i}", "", 8) for i in range(4)])
    (one, two) = queues(a_file(tmp_path, "queue,num_nodes\nvcB,1\nvcA,3\n"), small)
    assert (one.name, one.quotas[0].guaranteed, two.quotas[0].guaranteed) == ("vcA", 24, 8)
    with pytest.raises(SpecError, match="add up to no more than the 32 accelerators"):
        queues(a_file(tmp_path, "queue,num_nodes\nvcB,1\nvcA,4\n"), small)


def test_virtual_clusters_may_bound_how_long_a_run_lasts(tmp_path: Path) -> None:
    small = inventory([NodeFact("n", "", 8)])
    named = "queue,num_nodes,max_run_time\n"
    (one, two) = queues(a_file(tmp_path, f"{named}vcA,1,1h30m\nvcB,0,\n"), small)
    assert (one.max_run_time, two.max_run_time) == (5400.0, None)
    for wrong in ("soon", "0s", "-1h"):
        with pytest.raises(SpecError, match=r"line 2, column max_run_time: found .* a duration like 48h"):
            queues(a_file(tmp_path, f"{named}vcA,1,{wrong}\n"), small)
