from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import get_args, get_type_hints

import numpy as np
import pytest

from crosstree.base.errors import SpecError
from crosstree.core import values
from crosstree.core.anonymous import anonymous
from crosstree.core.arrays import Int8, Int64
from crosstree.core.calendar import Booking
from crosstree.core.cluster import Admission, Selector
from crosstree.core.cycle import run_cycle
from crosstree.core.durations import Lesson
from crosstree.core.plan import NodeShare, Place, Plan, Promise, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.record import Recording, recall, record
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.synthetic import Fleet, helios_gangs
from crosstree.core.synthetic import snapshot as synthetic
from crosstree.core.workload import Footprint, NodeConstraint, Requirement, Taint, Toleration
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Old:
    name: str
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class New:
    name: str
    colour: Colour = Colour.RED
    sizes: tuple[int, ...] = ()
    until: float = 0.0
    either: Old | Plan | None = None
    byname: dict[str, int] = field(default_factory=dict)


def damaged(change) -> str:
    """Break a good recording, and return what is said about it."""
    given = json.loads(json.dumps(record(Recording(a_snapshot(gangs=[a_gang()])))))
    change(given)
    with pytest.raises(SpecError) as raised:
        recall(given)
    return str(raised.value)


def test_fields_with_their_default_are_not_written():
    assert values.plain(New("a"), New) == {"name": "a"}


def test_what_an_older_version_wrote_is_read_with_the_defaults_of_new_fields():
    assert values.value(values.plain(Old("a"), Old), New, "new") == New("a")


def test_lessons_from_before_declarations_were_learned_of_are_read():
    recording = Recording(a_snapshot(), lessons={"q": (Lesson("bert-#", 16, 3, (60, 50), 9.0, (50, 40)),)})
    written = json.loads(json.dumps(record(recording)))
    assert recall(written).lessons == recording.lessons
    del written["lessons"]["q"][0]["percent_of_declared"]
    assert recall(written).lessons == {"q": (Lesson("bert-#", 16, 3, (60, 50), 9.0),)}


def test_a_field_that_is_not_known_is_named():
    with pytest.raises(SpecError, match=r"old\.sizes is not known here; a newer Crosstree"):
        values.value(values.plain(New("a", sizes=(1,)), New), Old, "old")


def test_infinity_survives_json_which_has_none():
    written = json.dumps(values.plain(New("a", until=math.inf), New), allow_nan=False)
    assert values.value(json.loads(written), New, "new") == New("a", until=math.inf)


def test_one_of_several_classes_says_which_it_is():
    either = New("a", either=Old("b"), byname={"x": 1})
    written = values.plain(either, New)
    assert written["either"] == {"is": "Old", "name": "b"}
    assert values.value(written, New, "new") == either


def test_numbers_that_repeat_are_written_as_runs():
    assert values.plain(np.full(1000, 8, np.int64), Int64) == {"runs": [8, 1000]}
    assert values.plain(np.arange(3, dtype=np.int64), Int64) == [0, 1, 2]


def test_a_number_that_does_not_fit_its_array_is_refused():
    with pytest.raises(SpecError, match="state has numbers that int8 does not hold"):
        values.value([1, 300], Int8, "state")


def test_a_plan_is_written_and_read_as_well():
    plan = run_cycle(a_snapshot(gangs=[a_gang(), a_gang(400, name="big")]), Policy(), 0.0)
    assert {type(one) for one in plan.decisions} == {Place, Wait}
    assert values.value(json.loads(json.dumps(values.plain(plan, Plan))), Plan, "plan") == plan


@pytest.mark.parametrize("given", [None, [], {}, {"kind": "List"}, "x", 3])
def test_what_is_no_snapshot_is_refused_with_the_way_to_get_one(given):
    with pytest.raises(
        SpecError, match="not a snapshot of Crosstree; `crosstree snapshot -o FILE` writes one"
    ):
        recall(given)


def test_a_version_from_the_future_names_who_wrote_it_and_what_this_one_reads():
    said = damaged(lambda given: given.update(version=99, by="7.1"))
    assert "version 99, written by Crosstree 7.1; this one reads version 1" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given["snapshot"].pop("names"), "names"),
        (lambda given: given["snapshot"].update(state=[0]), "snapshot.state has"),
        (lambda given: given["snapshot"].update(free={"rows": 2, "columns": []}), "snapshot.free has"),
        (lambda given: given["snapshot"]["gangs"][0].update(workers="many"), "workers is 'many', not a whole number"),
        (lambda given: given["snapshot"]["gangs"][0].pop("key"), "gangs[0].key is missing"),
        (lambda given: given["snapshot"]["pools"][0].update(nodes=[0, 99]), "rows that there are not"),
        (lambda given: given["snapshot"]["pools"][0].update(column=17), "a resource that there is not"),
        (lambda given: given["snapshot"]["pools"][0]["fabric"][0].update(sizes=[3]), "sizes has 3 entries, not 8"),
        (lambda given: given["snapshot"]["pools"][0].update(fabric=[]), "has no level of nodes"),
        (lambda given: given["snapshot"].update(grain={"runs": [1, 2, 3]}), "damaged"),
        (lambda given: given["snapshot"].update(grain={"runs": [1, -2]}), "damaged"),
        (lambda given: given["snapshot"].update(queues=[{"name": "q", "calendar": [{
            "name": "b", "model": "m", "accelerators": 1, "start": 0.0, "duration": 60.0, "every": 0.0}]}]),
         "booking b of q is at no time"),
        (lambda given: given["snapshot"].update(queues=[{"name": "q", "calendar": [{
            "name": "b", "model": "m", "accelerators": 1, "start": "inf", "duration": 60.0}]}]),
         "booking b of q is at no time"),
        *((lambda given, change=change: given["snapshot"].update(queues=[{"name": "q", "calendar": [{
            "name": "b", "model": "m", "accelerators": 1, "start": 0.0, "duration": 60.0, **change}]}]),
           f"booking b of q is at no time: {[*change][-1]} is ")
          for change in ({"every": 1e-320, "duration": 1e-320}, {"duration": 59.0}, {"start": -1e308}, {"start": 1e308},
                         {"every": 1e308}, {"every": 59.0}, {"duration": 1e308}, {"until": "inf"})),
        *((lambda given, change=change: given["snapshot"].update(queues=[{"name": "q", "budgets": [{
            "model": "m", "seconds": 1.0, "start": 0.0, **change}]}]),
           f"the budget of q for m is for no time: {[*change][-1]} is ")
          for change in ({"every": 0.0}, {"every": 1e-320}, {"every": "inf"}, {"start": -1e308}, {"seconds": -1.0},
                         {"seconds": "inf"})),
        (lambda given: given.pop("at"), "at"),
    ],
)  # fmt: skip
def test_a_damaged_snapshot_is_refused_and_the_place_is_named(change, said):
    told = damaged(change)
    assert told.startswith("the snapshot is damaged: ")
    assert said in told


def test_an_odd_value_anywhere_is_read_or_refused_and_nothing_else():
    given = json.dumps(record(Recording(a_snapshot(gangs=[a_gang()], used={"n000": 8}))))
    good = json.loads(given)

    def paths(value, path=()):
        yield path
        if isinstance(value, dict | list):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield from paths(value[key], (*path, key))

    for path in list(paths(good))[1:]:
        for odd in (None, [], {}, "x", -1, 10**30, [None]):
            copy = json.loads(given)
            inside = copy
            for key in path[:-1]:
                inside = inside[key]
            inside[path[-1]] = odd
            with suppress(SpecError):
                recall(copy)


def test_a_fleet_of_12500_nodes_takes_a_few_bytes_a_node():
    fleet = synthetic(Fleet(12_500, fill=0.9), helios_gangs(2000, 8, 1))
    text = json.dumps(record(Recording(fleet)), separators=(",", ":"))
    assert len(text) < 60 * 12_500


def test_constraints_that_the_snapshot_has_not_seen_are_judged_by_the_labels_that_were_recorded():
    snapshot = a_snapshot(a_pool(leaves=1, nodes=2))
    zone = NodeConstraint(selector=(("zone", "a"),))
    labels = ({"zone": "a"}, {"zone": "b"})
    recording = recall(record(Recording(snapshot, labels=labels, taints=((), ()))))
    assert recording.admits(zone).tolist() == [True, False]
    assert replace(recording, labels=(), taints=()).admits(zone) is None


SECRETS = (
    "acme", "n000", "n001", "s0", "s0l0", "hush", "research", "uid-x", "uid-y", "uid-z", "zone-secret", "pool-secret",
    "value-secret", "team-secret", "prio-secret", "gone-secret", "parent-secret", "alpha", "beta", "key-secret",
    "hour-secret",
)  # fmt: skip


def named() -> Recording:
    constraint = NodeConstraint(
        (("key-secret", "zone-secret"),),
        ((Requirement("key-secret", "In", ("value-secret",)),),),
        (Toleration("team-secret", "Equal", "value-secret", "NoSchedule"),),
    )
    promise = Promise("pool-secret", (NodeShare("n001", 0, 1),), ("uid-y", "uid-z"), 5.0, jobs=("beta", ""))
    waiting = replace(
        a_gang(1),
        key="hush/alpha",
        uid="uid-x",
        queue="research",
        constraint=constraint,
        avoid=("gone-secret", "banned-secret"),
        banned=("banned-secret",),
        before=Footprint("pool-secret", (("n000", 1),)),
        promise=promise,
        recovering=True,
    )
    snapshot = replace(
        a_snapshot(a_pool(leaves=1, nodes=2, name="pool-secret"), gangs=[waiting]), cluster="acme"
    )
    held = replace(waiting, key="hush/beta", uid="uid-y", promise=None)
    running = Running(
        held, "pool-secret", H100, np.array([0], np.int32), np.array([1]), began=0, ends=math.inf, saved=0
    )
    return Recording(
        replace(
            snapshot,
            running=(running,),
            queues=(
                QueueSpec(
                    "research",
                    "parent-secret",
                    1.0,
                    (Quota(H100, 1, 2),),
                    calendar=(Booking("hour-secret", H100, 8, 0.0, 3600.0, 86400.0),),
                ),
            ),
            masks={waiting.demands("nvidia.com/gpu"): np.array([True, False])},
        ),
        labels=({"key-secret": "zone-secret"}, {}),
        taints=((Taint("team-secret", "value-secret", "NoSchedule"),), ()),
        priorities={"prio-secret": 7},
        admissions={"research": Admission(Selector((("team-secret", "alpha"),)), priority=7)},
        namespaces={"hush": {"team-secret": "alpha"}},
    )


def test_an_anonymous_recording_holds_none_of_the_names():
    shown, hidden = (json.dumps(record(one)) for one in (named(), anonymous(named())))
    assert [secret for secret in SECRETS if f'"{secret}"' not in shown and f"/{secret}" not in shown] == []
    assert [secret for secret in SECRETS if f'"{secret}"' in hidden or secret in hidden.split('"')] == []
    assert "secret" not in hidden and "hush" not in hidden


def test_an_anonymous_queue_takes_jobs_of_any_namespace_at_its_own_priority():
    (name,) = (queue.name for queue in anonymous(named()).snapshot.queues)
    assert anonymous(named()).admissions == {name: Admission(priority=7)}


def test_an_anonymous_gang_finds_the_mask_of_its_constraint_again():
    hidden = anonymous(named()).snapshot
    assert hidden.gangs[0].demands("nvidia.com/gpu") in hidden.masks


def test_names_are_numbered_in_their_order_so_that_ties_end_as_before():
    gangs = [a_gang(1, name=name) for name in ("b", "a", "c", "a-1")]
    hidden = anonymous(Recording(a_snapshot(gangs=gangs))).snapshot
    ordered = [new for _, new in sorted(zip([gang.key for gang in gangs], hidden.gangs, strict=True))]
    assert [gang.key for gang in ordered] == sorted(gang.key for gang in ordered)


REVIEWED = {
    # what a snapshot can hold in text: replaced by `anonymous`, or known to name nobody
    "Snapshot": {"cluster": "replaced", "names": "replaced", "resources": "kept", "signals": "kept"},
    "Pool": {"name": "replaced", "resource": "kept"},
    "Profile": dict.fromkeys(("id", "vendor", "kind", "title", "slice_label", "domain_labels", "collective"), "kept"),
    "Level": {"name": "kept", "label": "kept", "names": "replaced"},
    "Gang": {
        **dict.fromkeys(("key", "uid", "queue", "avoid", "banned"), "replaced"),
        **dict.fromkeys(("models", "vendor", "requests", "required", "preferred"), "kept"),
    },
    "Groups": {"level": "kept"},
    "NodeConstraint": {"selector": "replaced"},
    "Requirement": {"key": "replaced", "operator": "kept", "values": "replaced"},
    "Toleration": {"key": "replaced", "operator": "kept", "value": "replaced", "effect": "kept"},
    "Footprint": {"pool": "replaced", "counts": "replaced"},
    "Promise": dict.fromkeys(("pool", "victims", "smaller", "jobs"), "replaced"),
    "NodeShare": {"name": "replaced"},
    "SpareRule": {"level": "kept"},
    "Running": {"pool": "replaced", "model": "kept"},
    "QueueSpec": {"name": "replaced", "parent": "replaced", "rates": "kept"},
    "Quota": {"model": "kept"},
    "Booking": {"name": "replaced", "model": "kept"},
    "Budget": {"model": "kept"},
    "Charged": {"queue": "replaced", "model": "kept"},
    "Stint": {"queue": "replaced", "model": "kept"},
}  # fmt: skip


def test_every_text_that_a_snapshot_can_hold_has_been_thought_of_when_names_are_left_out():
    found: dict[str, set[str]] = {}
    ahead: list[type] = [Snapshot]
    while ahead:
        cls = ahead.pop()
        found.setdefault(cls.__name__, set())
        for name, hint in get_type_hints(cls).items():
            inside = parts(hint)
            if str in inside and name in {each.name for each in fields(cls)}:
                found[cls.__name__].add(name)
            ahead += [one for one in inside if is_dataclass(one) and one.__name__ not in found]
    texts = {cls: names for cls, names in found.items() if names}
    assert texts == {cls: set(names) for cls, names in REVIEWED.items()}


def parts(hint: object) -> set[type]:
    """Every class in a type."""
    inner = get_args(hint)
    return {hint} if not inner else {part for one in inner for part in parts(one)}  # type: ignore[arg-type]
