"""`crosstree bench placement`: how long the production core takes to decide, measured in this process.

S1 one gang, S2 a fleet from empty to full, without queues and with 50, S5 domains used against the fewest possible,
S12 a guarantee that takes back what it lent, S13 a refusal with its sentence.
Nothing is mocked and nothing is left out: each time is one `run_cycle`, snapshot to Plan.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from crosstree.cli.measure import Record, Value, quantile, report
from crosstree.cli.options import Format, NoColor, Output

if TYPE_CHECKING:
    from crosstree.core.plan import Decision
    from crosstree.core.workload import Gang

BATCH = 128
"""Gangs that arrive between two cycles of S2."""

ALL = ("S1", "S2", "S5", "S12", "S13")

WARM_UP = 3
"""Decisions before the first one that counts: caches of the interpreter, not of ours."""


@dataclass(frozen=True, slots=True)
class Case:
    """One size to measure at."""

    nodes: int
    per_node: int
    gang: int
    preferred: str
    fill: float
    seed: int
    repeats: int

    def conditions(self, **more: Value) -> dict[str, Value]:
        """Name the case in a record."""
        return {"nodes": self.nodes, "perNode": self.per_node, "fill": self.fill, "seed": self.seed} | more


def placement(
    nodes: Annotated[
        list[int] | None, typer.Option(help="Nodes of the fleet; may be given several times.")
    ] = None,
    per_node: Annotated[int, typer.Option(help="Accelerators per node.", min=1)] = 8,
    gang: Annotated[int, typer.Option(help="Workers of the gang, each a whole node.", min=1)] = 128,
    preferred: Annotated[str, typer.Option(help="Level the gang prefers: leaf or spine, or empty.")] = "leaf",
    fill: Annotated[float, typer.Option(help="Share of the accelerators in use.", min=0, max=1)] = 0.9,
    seed: Annotated[
        int, typer.Option(help="Chooses which nodes are in use, and the mix of gangs.", min=0)
    ] = 1,
    repeats: Annotated[int, typer.Option(help="Fleets decided on, each filled differently.", min=1)] = 300,
    only: Annotated[
        list[str] | None, typer.Option(help="S1, S2, S5, S12 or S13; several times; else all.")
    ] = None,
    output: Output = Format.TABLE,
    no_color: NoColor = False,
) -> None:
    """Time decisions of the production core on synthetic fleets (S1, S2, S5, S12, S13)."""
    if preferred not in ("", "leaf", "spine", "node"):
        raise typer.BadParameter(f"{preferred!r} is no level of the fleet; use leaf, spine, node or nothing.")
    wanted = {name.upper() for name in only or ALL}
    if unknown := wanted - set(ALL):
        raise typer.BadParameter(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(ALL)}.")
    cases = [
        Case(count, per_node, gang, preferred, fill, seed, repeats)
        for count in nodes or (160, 1250, 5000, 12500)
    ]
    report(measure(cases, wanted), output, title="Decisions of the core", no_color=no_color)


def measure(cases: list[Case], wanted: set[str]) -> Iterator[Record]:
    """Yield the records of every case, one after another."""
    for case in cases:
        if "S1" in wanted:
            yield from one_gang(case)
        if "S2" in wanted:
            for per_worker in sorted({case.per_node, 1}, reverse=True):
                yield from empty_to_full(case, per_worker)
                yield from empty_to_full(case, per_worker, queued=True)
        if "S5" in wanted:
            yield from domains(case)
        if "S12" in wanted:
            yield from reclaimed(case)
        if "S13" in wanted:
            yield from refusals(case)


def one_gang(case: Case) -> Iterator[Record]:
    """S1: one gang on fleets filled differently; the verdict counts as a decision too and is named."""
    from crosstree.core.plan import Place
    from crosstree.core.synthetic import gang

    times, placed = _decide(
        case, [gang("one", case.gang, case.per_node, preferred=case.preferred)] * case.repeats
    )
    good = sum(isinstance(decision, Place) for decision in placed)
    conditions = case.conditions(
        gang=case.gang, perWorker=case.per_node, preferred=case.preferred, decisions=len(times), placed=good
    )
    yield Record("S1", "decision_p50", quantile(times, 0.5), "ms", conditions)
    yield Record("S1", "decision_p99", quantile(times, 0.99), "ms", conditions)


def empty_to_full(case: Case, per_worker: int, *, queued: bool = False) -> Iterator[Record]:
    """S2: gangs of the Helios mix arrive in batches until the fleet is full; only the cycles are timed.

    The mix says accelerators per job. With workers of a whole node most of its gangs are one pod; with one
    accelerator per worker they are gangs of 1 to 128 pods. With `queued` they wait in 50 queues with guarantees and
    limits, say how long they run, and run on while others are decided, so that accounts and reservations count.
    """
    from crosstree.base.clock import monotonic
    from crosstree.core.cycle import run_cycle
    from crosstree.core.plan import Place
    from crosstree.core.policy import Policy
    from crosstree.core.synthetic import Fleet, carried_out, helios_gangs, snapshot
    from crosstree.core.synthetic_queues import in_queues, started, tree

    gangs = helios_gangs(case.nodes * case.per_node, per_worker, case.seed, preferred=case.preferred)
    now = snapshot(Fleet(case.nodes, case.per_node, 0.0, case.seed))
    if queued:
        gangs, now = in_queues(gangs), replace(now, queues=tree(case.nodes * case.per_node))
    spent, placed, pods, waiting = 0.0, 0, 0, 0
    for first in range(0, len(gangs), BATCH):
        arrived = gangs[first : first + BATCH]
        view = replace(
            now, gangs=arrived
        )  # none of the mix is choosy: the mask that admits every node is there
        gc.collect()
        begun = monotonic()
        plan = run_cycle(view, Policy(), float(first))
        spent += monotonic() - begun
        by_key = {gang.key: gang for gang in arrived}
        for decision in plan.decisions:
            if isinstance(decision, Place):
                placed += 1
                pods += by_key[decision.key].workers
            else:
                waiting += 1
        now = carried_out(view, plan, by_key)
        if queued:
            now = replace(now, running=(*now.running, *started(view, plan, by_key, float(first))))
    used = 1 - float(now.free[:, 0].sum()) / float(now.allocatable[:, 0].sum())
    conditions = case.conditions(
        fill=0.0, mix="helios", perWorker=per_worker, gangs=len(gangs), placed=placed, waiting=waiting, batch=BATCH,
        filledTo=round(used, 4), queues=len(now.queues),
    )  # fmt: skip
    yield Record("S2", "gangs_decided", (placed + waiting) / spent, "1/s", conditions)
    yield Record("S2", "pods_decided", pods / spent, "1/s", conditions)


def domains(case: Case) -> Iterator[Record]:
    """S5: domains over the lower bound, summed over single gangs of many sizes, empty and filled.

    The bound of a level is promised for the level a gang prefers, so each level is preferred in turn. What the
    other levels then get is reported too, beside bounds that one placement can't always reach together.
    """
    for fill in sorted({0.0, case.fill}):
        for preferred in ("spine", "leaf"):
            yield from _spread(replace(case, fill=fill, preferred=preferred))


def _spread(case: Case) -> Iterator[Record]:
    """Compare domains used with the fewest possible on one fill, for gangs that prefer one level."""
    from crosstree.core.plan import Place
    from crosstree.core.synthetic import Fleet, gang, snapshot, spans

    sizes = [size for size in (2, 3, 8, 16, 17, 40, 64, 128, 200) if size <= case.nodes // 2]
    gangs = [gang(f"s{size}", size, case.per_node, preferred=case.preferred) for size in sizes] * 4
    used: dict[str, list[int]] = {}
    for turn, (asked, decision) in enumerate(zip(gangs, _decide(case, gangs)[1], strict=True)):
        if isinstance(decision, Place):
            view = snapshot(Fleet(case.nodes, case.per_node, case.fill, case.seed + turn))
            for level, (got, least) in spans(view, decision, asked).items():
                sums = used.setdefault(level, [0, 0, 0])
                sums[0] += got
                sums[1] += least
                sums[2] += 1
    for level, (got, least, count) in used.items():
        metric = "domains_over_lower_bound" if level == case.preferred else "domains_beside_preference"
        conditions = case.conditions(level=level, preferred=case.preferred, gangs=count)
        yield Record("S5", metric, got / least, "ratio", conditions)


def reclaimed(case: Case) -> Iterator[Record]:
    """S12: a guarantee takes back 4,000 accelerators that 50 gangs hold; one decision, from snapshot to promise."""
    from crosstree.base.clock import monotonic
    from crosstree.core.cycle import run_cycle
    from crosstree.core.plan import Wait
    from crosstree.core.policy import Policy
    from crosstree.core.synthetic import Fleet
    from crosstree.core.synthetic_queues import HOLDERS, LENT, lent_out

    if case.nodes * case.per_node <= LENT or LENT % (HOLDERS * case.per_node):
        return
    times, victims = [], 0
    for turn in range(WARM_UP + max(1, case.repeats // 30)):
        view = lent_out(Fleet(case.nodes, case.per_node, 1.0, case.seed + turn))
        begun = monotonic()
        plan = run_cycle(view, Policy(), 0.0)
        times.append(monotonic() - begun)
        promises = [
            one.promise for one in plan.decisions if isinstance(one, Wait) and one.promise is not None
        ]
        victims = len(promises[0].victims) if promises else 0
    conditions = case.conditions(
        fill=1.0, lent=LENT, holders=HOLDERS, victims=victims, decisions=len(times) - WARM_UP
    )
    yield Record("S12", "reclaim_decided_max", max(times[WARM_UP:]), "s", conditions)


def refusals(case: Case) -> Iterator[Record]:
    """S13 in the core: gangs that can't start now, refused with counts and a way out."""
    from crosstree.core.plan import Wait
    from crosstree.core.synthetic import gang

    asked = {
        "more than there is": gang("huge", case.nodes + 1, case.per_node, preferred="leaf"),
        "more than is free": gang("big", max(2, case.nodes * 3 // 4), case.per_node, preferred="leaf"),
        "no leaf that large": gang("wide", 17, case.per_node, required="leaf"),
        "no leaf that free": gang("leaf", 16, case.per_node, required="leaf"),
    }
    for why, one in asked.items():
        times, decisions = _decide(case, [one] * max(1, case.repeats // 4))
        reasons = sorted({d.reason.value for d in decisions if isinstance(d, Wait)})
        conditions = case.conditions(asked=why, workers=one.workers, verdict=", ".join(reasons) or "placed")
        yield Record("S13", "negative_verdict_p50", quantile(times, 0.5), "ms", conditions)
        yield Record("S13", "negative_verdict_p99", quantile(times, 0.99), "ms", conditions)


def _decide(case: Case, gangs: list[Gang]) -> tuple[list[float], list[Decision]]:
    """Decide each gang alone on a fleet filled by its own seed; return milliseconds and decisions."""
    from crosstree.base.clock import monotonic
    from crosstree.core.cycle import run_cycle
    from crosstree.core.policy import Policy
    from crosstree.core.synthetic import Fleet, snapshot

    policy = Policy()
    for _ in range(WARM_UP):
        run_cycle(snapshot(Fleet(case.nodes, case.per_node, case.fill, case.seed), gangs[:1]), policy, 0.0)
    times: list[float] = []
    decisions: list[Decision] = []
    for turn, asked in enumerate(gangs):
        view = snapshot(
            Fleet(case.nodes, case.per_node, case.fill, case.seed + turn), [asked], generation=turn
        )
        begun = monotonic()
        plan = run_cycle(view, policy, float(turn))
        times.append((monotonic() - begun) * 1000)
        decisions.extend(plan.decisions)
    return times, decisions
