"""What is asked on the command line, from files: jobs, changes, snapshots."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from crosstree.base.errors import SettingsError
from crosstree.cli.options import Format
from crosstree.cli.recordings import opened, save
from crosstree.cli.what_if import Asked, gangs, run
from crosstree.cli.what_if_changes import funding, grant, seconds
from crosstree.core.anonymous import anonymous
from crosstree.core.cluster import Admission, Selector
from crosstree.core.durations import Lesson, pattern_of, size_class
from crosstree.core.edits import Grant
from crosstree.core.funding import Funding
from crosstree.core.queues import Budget, QueueSpec, Quota
from crosstree.core.record import Recording
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.holders import for_seconds, run_on

NOW = 1_700_000_000.0


def a_recording() -> Recording:
    """Two leaves of four nodes; one leaf is held for two hours, a small job waits."""
    snapshot = a_snapshot(a_pool(leaves=2, nodes=4), gangs=[a_gang(16, name="huge", created=NOW - 60)])
    held = a_gang(4, name="holder", expected=for_seconds(7200))
    nodes = ("n000", "n001", "n002", "n003")
    busy = run_on(snapshot, held, *nodes, began=NOW - 3600, ends=NOW + 3600)
    queues = (QueueSpec("default"), QueueSpec("team-a", quotas=(Quota(H100, 0, 64),)))
    labels = tuple({"zone": "a" if at < 6 else "b"} for at in range(8))
    return Recording(
        replace(busy, queues=queues), now=NOW, labels=labels, taints=((),) * 8, priorities={"high": 100}
    )


def a_job(
    workers: int, *, name: str = "mine", pod: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "crosstree.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            "framework": {"name": "custom"},
            "workers": workers,
            "accelerators": {"perWorker": 8},
            "template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}], **(pod or {})}},
            **spec,
        },
    }


class Desk:
    """Asks from files in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys
        self.snapshot = str(folder / "cluster.json.gz")
        self.keep(a_recording())

    def keep(self, recording: Recording) -> None:
        save(recording, self.snapshot)

    def file(self, *objects: Any) -> str:
        path = self._folder / "job.yaml"
        path.write_text(yaml.safe_dump_all(objects))
        return str(path)

    def ask(
        self, *jobs: Any, replay: bool = False, form: Format = Format.JSON, **asked: Any
    ) -> tuple[int, Any]:
        files = (self.file(*jobs),) if jobs else ()
        code = run(
            Asked(jobs=files, **asked),
            snapshot=self.snapshot,
            cluster=None,
            replay=replay,
            output=form,
            kubeconfig=None,
            context=None,
            no_color=True,
        )
        said = self._capsys.readouterr().out
        return code, json.loads(said) if form is Format.JSON else " ".join(said.split())


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_a_job_that_starts_now_is_0_and_says_on_which_nodes(desk: Desk) -> None:
    code, told = desk.ask(a_job(2))
    assert code == 0
    (job,) = told["jobs"]
    assert (job["job"], job["inSeconds"], job["confidence"]) == ("default/mine", 0.0, 1.0)
    assert [share["name"] for share in job["placement"]["nodes"]] == ["n004", "n005"]


def test_a_job_that_starts_later_says_when_why_and_what_would_start_it_now(desk: Desk) -> None:
    code, told = desk.ask(a_job(8))
    (job,) = told["jobs"]
    assert code == 0
    assert job["inSeconds"] == 3600.0
    assert job["reason"] == "NotEnoughFree"
    assert "with workers: 4" in [way["change"] for way in job["waysOut"]]


def test_a_job_that_does_not_start_within_the_horizon_is_1(desk: Desk) -> None:
    assert desk.ask(a_job(8), horizon="30m")[0] == 1
    assert desk.ask(a_job(9))[0] == 1


def test_a_job_is_expected_to_run_no_longer_than_its_queue_lets_it(desk: Desk) -> None:
    recording = a_recording()
    queues = (QueueSpec("default", parent="all"), QueueSpec("all", max_run_time=7200.0))
    bounded = replace(recording, snapshot=replace(recording.snapshot, queues=queues))
    (gang,) = gangs(bounded, Asked(jobs=(desk.file(a_job(2)),)))
    assert gang.expected is not None
    assert (gang.expected.seconds, gang.expected.at_most) == (7200.0, 7200.0)
    desk.keep(bounded)
    with pytest.raises(SettingsError, match="JobQueue all above default lets no run last longer than 2h"):
        desk.ask(a_job(2, expectedDuration="3h"))


def test_a_job_is_refused_by_a_queue_that_takes_none_of_its_namespace(desk: Desk) -> None:
    selects = Selector((("team", "a"),))
    desk.keep(
        replace(
            a_recording(),
            admissions={"team-a": Admission(selects)},
            namespaces={"research": {"team": "a"}, "default": {"team": "b"}},
        )
    )
    asked = a_job(2, queue="team-a")
    with pytest.raises(SettingsError, match="takes only jobs of namespaces with team=a, and default is none"):
        desk.ask(asked)
    assert desk.ask(asked, namespace="research")[0] == 0


def test_a_job_without_a_class_has_the_priority_of_its_queue(desk: Desk) -> None:
    recording = replace(a_recording(), admissions={"team-a": Admission(priority=7, max_priority=7)})
    file = desk.file(a_job(2, queue="team-a"))
    assert [gang.priority for gang in gangs(recording, Asked(jobs=(file,)))] == [7]
    file = desk.file(a_job(2, queue="team-a", priorityClassName="high"))
    with pytest.raises(SettingsError, match="JobQueue team-a takes at most 7"):
        gangs(recording, Asked(jobs=(file,)))


def test_nodes_that_are_added_let_it_start_now(desk: Desk) -> None:
    assert desk.ask(a_job(8), add=("s0l0",))[1]["jobs"][0]["inSeconds"] == 0.0
    assert desk.ask(a_job(8), add=(f"4:{H100}",))[1]["jobs"][0]["inSeconds"] == 0.0


def test_a_job_that_says_nothing_of_its_duration_is_taken_to_run_as_its_like_did(desk: Desk) -> None:
    lessons = {"default": (Lesson(pattern_of("mine"), size_class(32), 9, (7200,) * 9, NOW),)}
    recording = opened(desk.snapshot)
    line = (a_gang(8, name="next", created=NOW - 30, expected=for_seconds(60)),)
    save(replace(recording, snapshot=replace(recording.snapshot, gangs=line), lessons=lessons), desk.snapshot)
    _, told = desk.ask(a_job(4))
    assert told["jobs"][0]["reason"] == "ReservedForOther"
    (job,) = gangs(opened(desk.snapshot), Asked(jobs=(desk.file(a_job(4)),)))
    assert job.expected is not None
    assert job.expected.seconds == 7200.0


def test_a_declared_duration_is_corrected_by_what_the_snapshot_knows_of_its_like(desk: Desk) -> None:
    lessons = {"default": (Lesson("mine", 32, 9, (7200,) * 9, NOW, (50,) * 9),)}
    recording = replace(opened(desk.snapshot), lessons=lessons)
    (job,) = gangs(recording, Asked(jobs=(desk.file(a_job(4, expectedDuration="4h")),)))
    assert job.expected is not None
    assert (job.expected.seconds, job.expected.percent_of_declared) == (7200.0, 50)


def test_a_drain_alone_is_0_and_says_who_is_stopped(desk: Desk) -> None:
    code, told = desk.ask(drain=("n000",))
    assert code == 0
    assert told["stopped"] == ["default/holder"]


def test_people_read_sentences(desk: Desk) -> None:
    code, told = desk.ask(a_job(8), form=Format.TABLE)
    assert code == 0
    assert "default/mine starts at 23:14 UTC, in 60m (confidence 90%)." in told
    assert "Until then it waits, number 1 in its queue" in told or "Until then it waits" in told
    assert "It would start now: • with workers: 4" in told


def test_a_replay_shows_the_plan_of_the_snapshot_itself(desk: Desk) -> None:
    code, plan = desk.ask(replay=True)
    assert code == 0
    assert plan["decisions"][0]["is"] == "Wait"
    assert "default/huge" in desk.ask(replay=True, form=Format.TABLE)[1]


def test_a_selector_is_judged_by_the_labels_in_the_file(desk: Desk) -> None:
    assert desk.ask(a_job(2, pod={"nodeSelector": {"zone": "b"}}))[1]["jobs"][0]["inSeconds"] == 0.0
    code, told = desk.ask(a_job(3, pod={"nodeSelector": {"zone": "b"}}))
    assert (code, told["jobs"][0]["start"]) == (1, None)


def test_an_anonymous_snapshot_can_not_judge_selectors_and_says_so(desk: Desk) -> None:
    save(anonymous(opened(desk.snapshot)), desk.snapshot)
    assert desk.ask(a_job(2, queue="queue-1"))[0] == 0
    with pytest.raises(SettingsError, match="the snapshot is without labels"):
        desk.ask(a_job(2, queue="queue-1", pod={"nodeSelector": {"zone": "b"}}))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"queue": "nobody"}, "spec.queue is 'nobody', and there is no such JobQueue"),
        ({"priorityClassName": "low"}, "spec.priorityClassName is 'low'"),
        ({"cluster": "west"}, "spec.cluster is 'west'"),
        ({"framework": {"name": "abacus"}}, "framework"),
        (
            {"suspend": True},
            "TrainingJob default/mine: spec.suspend is true, so it would not start; set it to false",
        ),
    ],
)
def test_a_job_that_would_not_be_admitted_is_wrong_usage_in_the_operators_words(
    desk: Desk, spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        desk.ask(a_job(1, **spec))


def test_a_job_of_high_priority_says_who_has_to_make_room_for_it(desk: Desk) -> None:
    told = desk.ask(a_job(8, priorityClassName="high"))[1]
    assert told["jobs"][0]["inSeconds"] == 30.0
    assert [victim["job"] for victim in told["jobs"][0]["victims"]] == ["default/holder"]
    assert told["stopped"] == ["default/holder"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "--what-if asks nothing"),
        ({"drain": ("n99",)}, "no node n99"),
        ({"add": ("r1",)}, "no domain 'r1'"),
        ({"add": ("0:h100",)}, "--add-rack is '0:h100', which is 0 nodes; at least 1 would do: 1:h100."),
        ({"add": ("-1:h100",)}, "--add-rack is '-1:h100', which is -1 nodes; at least 1 would do"),
        ({"add": ("2:h100",)}, "can't add 2 nodes like those of 'h100'; models: nvidia-h100-sxm"),
        ({"queues": ("team-b=+1",)}, "no queue 'team-b'"),
        ({"queues": ("team-a",)}, "write NAME=\\+64"),
        ({"drain": ("n000",), "horizon": "soon"}, "--horizon is 'soon'"),
    ],
)
def test_a_question_that_makes_no_sense_says_what_would(desk: Desk, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        desk.ask(**asked)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"--job \S*odd.yaml can't be read: "),
        (
            "",
            r"--job: there is no TrainingJob in \S*odd.yaml; name a file that holds an object with kind: TrainingJob",
        ),
        ("kind: Pod\n", r"there is no TrainingJob in \S*odd.yaml; name a file"),
        (
            "a: [3\n",
            r"odd.yaml is not YAML: while parsing a flow sequence at line 1, column 4: expected .* at line 2",
        ),
        ("a: \x00", r"odd.yaml is not YAML: unacceptable character #x0000: .* not allowed at position 3"),
    ],
)
def test_a_job_file_that_holds_no_job_is_wrong_usage_by_its_name_and_option(
    desk: Desk, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "odd.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        gangs(opened(desk.snapshot), Asked(jobs=(str(path),)))


def test_quota_changes_are_read() -> None:
    assert grant("a=+64") == Grant("a", more=64)
    assert grant("a=-8") == Grant("a", more=-8)
    assert grant(f"a:{H100}=limit=256") == Grant("a", H100, limit=256)
    assert grant("a=limit=none") == Grant("a", limit=-1)
    assert grant("a=guaranteed=0") == Grant("a", guaranteed=0)
    for bad in ("a", "a=64", "=+1", "a=limit=", "a=guaranteed=none", "a=+x"):
        with pytest.raises(SettingsError):
            grant(bad)


def test_changes_of_budgets_are_read() -> None:
    assert funding("a=budget=+500") == Funding("a", more=500.0)
    assert funding(f"a:{H100}=budget=-0.5") == Funding("a", H100, more=-0.5)
    assert funding("a=budget=2000") == Funding("a", hours=2000.0)
    assert funding("a=budget=none") == Funding("a", lifted=True)
    assert funding("a=+64") is None
    with pytest.raises(SettingsError, match="NAME=budget="):
        grant("a=budget=lots")


def test_a_job_that_its_budget_keeps_waiting_starts_with_a_larger_one(desk: Desk) -> None:
    spent = QueueSpec("team-a", budgets=(Budget(H100, 3600.0, NOW - 60, 30 * 86_400.0),))
    made = a_recording()
    desk.keep(replace(made, snapshot=replace(made.snapshot, queues=(QueueSpec("default"), spent))))
    job = a_job(2, queue="team-a", expectedDuration="1h")
    code, told = desk.ask(job)
    assert (code, told["jobs"][0]["reason"]) == (1, "BudgetExhausted")
    code, told = desk.ask(job, queues=("team-a=budget=+100",))
    assert (code, told["jobs"][0]["inSeconds"]) == (0, 0.0)


def test_horizons_are_read_in_days_too() -> None:
    assert (seconds("7d"), seconds("90m")) == (7 * 86_400.0, 5400.0)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x1f\x8bnonsense", b"[1", b'{"kind": "crosstree-snapshot"}', b"\xff\xfe"]
)
def test_a_file_that_is_no_snapshot_is_wrong_usage_and_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.json.gz"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="odd"):
        opened(str(path))


def test_a_file_that_is_cut_short_is_wrong_usage_and_named(desk: Desk) -> None:
    path = Path(desk.snapshot)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SettingsError, match=r"cluster.json.gz can't be read"):
        opened(desk.snapshot)


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be written"):
        save(a_recording(), str(tmp_path / "none" / "x.json"))
