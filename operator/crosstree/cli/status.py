"""`crosstree status`: the clusters at a glance, as their status says; `--nodes` adds what is on each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstree.base.errors import NotFound
from crosstree.cli.access import OURS, Json, listed, silent_since, talk
from crosstree.cli.jobs import finish, warn, why
from crosstree.cli.options import Context, Format, Kubeconfig, Namespace, NoColor, Output
from crosstree.cli.outlook import line_cell, outlook_of, start_cell
from crosstree.cli.output import ago, bar, console, emit, styled, table

if TYPE_CHECKING:
    from rich.console import Console

    from crosstree.adapters.client import Api

SHOWN = 20
"""Jobs listed in the table; -o json has all of them."""

_ORDER = (
    "Failed",
    "Recovering",
    "Preempted",
    "Resizing",
    "Pending",
    "Starting",
    "Running",
    "Suspended",
    "Succeeded",
)


def status(
    cluster: Annotated[str | None, typer.Argument(help="AICluster; all of them if not given.")] = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="Also every node with what is free on it.")] = False,
    namespace: Namespace = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Show clusters, their pools and their jobs: what is in use, what is free, who waits and why."""
    facts = talk(kubeconfig, context, lambda api: _facts(api, cluster, namespace, nodes=nodes))
    if output is not Format.TABLE:
        emit(facts, output)
        return
    screen = console(no_color=no_color)
    warn(screen, facts["operatorSilentSince"])
    if not facts["clusters"]:
        screen.print(
            "No AICluster yet: apply one, and every accelerator of this Kubernetes cluster appears here."
        )
    for one in facts["clusters"]:
        _draw(screen, one)
    draw_jobs(screen, facts["jobs"])


async def _facts(api: Api, only: str | None, namespace: str | None, *, nodes: bool) -> Json:
    """Gather what the answer consists of; the same for tables and programs."""
    found = await listed(api, f"{OURS}/aiclusters")
    if only is not None and only not in (names := [each["metadata"]["name"] for each in found]):
        raise NotFound(f"no AICluster {only!r}; there are: {', '.join(names) or 'none'}.", status=404)
    where = f"/namespaces/{namespace}" if namespace else ""
    jobs = [job_facts(each) for each in await listed(api, f"{OURS}{where}/trainingjobs")]
    alone = len(found) == 1
    clusters = [_cluster(each) for each in found if only in (None, each["metadata"]["name"])]
    if nodes:
        from crosstree.cli.live import loaded, node_rows

        live = (await loaded(api)).cluster
        for one in clusters:
            failures = live.store.clusters[one["name"]].failures
            one["nodeList"] = node_rows(live.snapshot_of(one["name"]), failures)
    if only is not None:
        jobs = [job for job in jobs if job["cluster"] == only or (alone and not job["cluster"])]
    return {"clusters": clusters, "jobs": jobs, "operatorSilentSince": await silent_since(api)}


def _cluster(raw: Json) -> Json:
    """Pick the parts of an AICluster that answer the question."""
    seen = raw.get("status", {})
    return {
        "name": raw["metadata"]["name"],
        "conditions": {
            c["type"]: {"status": c["status"], "message": c.get("message", "")} for c in seen.get("conditions", ())
        },
        **{part: seen.get(part, {}) for part in ("nodes", "accelerators", "fabric", "jobs")},
        "pools": seen.get("pools", []),
    }  # fmt: skip


def job_facts(raw: Json) -> Json:
    """Pick the parts of a TrainingJob that answer the question."""
    spec, seen = raw["spec"], raw.get("status", {})
    return {
        "namespace": raw["metadata"]["namespace"],
        "name": raw["metadata"]["name"],
        "cluster": spec.get("cluster", ""),
        "phase": seen.get("phase", "Pending"),
        "workers": seen.get("workers") or _asked(spec.get("workers", 1)),
        **outlook_of(raw),
        "accelerators": seen.get("accelerators", 0),
        "model": (seen.get("placement") or {}).get("model", ""),
        "span": seen.get("span", ""),
        "attempt": seen.get("attempt", 0),
        "waiting": seen.get("waiting"),
        "finished": finish(seen),
        "created": raw["metadata"]["creationTimestamp"],
    }


def _asked(workers: int | Json) -> str:
    """Return how many workers a job asks for: `16`, or `8..32` for any number between."""
    return f"{workers.get('min')}..{workers.get('max')}" if isinstance(workers, dict) else str(workers)


def _draw(screen: Console, one: Json) -> None:
    """Draw one cluster: a line, its troubles, a bar per pool, the fabric in a sentence."""
    nodes, total = one["nodes"], one["accelerators"]
    ready = one["conditions"].get("Ready", {}).get("status", "Unknown") == "True"
    screen.print(styled(f"AICluster {one['name']}"), "ready" if ready else "not ready", style="bold")
    screen.print(
        f"  {nodes.get('total', 0)} nodes ({nodes.get('ready', 0)} ready, {nodes.get('cordoned', 0)} cordoned), "
        f"{total.get('total', 0)} accelerators: {total.get('allocated', 0)} allocated, {total.get('free', 0)} free, "
        f"{total.get('unhealthy', 0)} unhealthy"
    )
    for name, condition in one["conditions"].items():
        if condition["status"] != "True":
            screen.print(f"  {name}: {condition['message']}", markup=False, style="yellow")
    screen.print()
    rows = [
        (
            pool["name"], pool.get("vendor", ""), pool.get("model", ""), pool.get("nodes", 0), pool.get("total", 0),
            bar(pool.get("allocated", 0), pool.get("free", 0), pool.get("unhealthy", 0)),
            pool.get("allocated", 0), pool.get("free", 0), pool.get("unhealthy", 0),
        )
        for pool in one["pools"]
    ]  # fmt: skip
    columns = (
        "POOL",
        "VENDOR",
        "MODEL",
        "#NODES",
        "#TOTAL",
        "█ used · free × bad",
        "#ALLOCATED",
        "#FREE",
        "#UNHEALTHY",
    )
    screen.print(table("", columns, rows))
    if gangs := one["fabric"].get("largestFreeGang"):
        spans = ", ".join(f"{gang['accelerators']} in one {gang['level']}" for gang in gangs)
        screen.print(f"  Largest gang that would start now, in accelerators: {spans}.")
    screen.print()
    if "nodeList" in one:
        _nodes(screen, one["nodeList"])


def _nodes(screen: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw every node with what is on it."""
    texts = ("name", "pool", "path")
    numbers = ("allocated", "free", "total")
    drawn = [
        (
            *(row[key] for key in texts),
            _state(row),
            bar(row["allocated"], row["free"], row["unhealthy"], cells=8),
            *(row[key] for key in numbers),
            _failures(row),
        )
        for row in rows
    ]
    columns = ("NODE", "POOL", "WHERE", "STATE", "", "#ALLOCATED", "#FREE", "#TOTAL", "FAILURES")
    screen.print(table("", columns, drawn))
    screen.print()


def _state(row: Mapping[str, Any]) -> str:
    """Say what placement makes of a node: its state, what it reports, and whether it is used last or kept back."""
    marks = [name for name in ("suspect", "spare") if row[name]]
    state = f"{row['state']} ({row['signal']})" if row["signal"] else row["state"]
    return ", ".join([state, *marks])


def _failures(row: Mapping[str, Any]) -> str:
    """Say how often a node failed jobs, and of what it did so last: `2, NodeLost 45m ago`."""
    from crosstree.base.clock import SystemClock, from_rfc3339

    if not row["failures"]:
        return ""
    return (
        f"{row['failures']}, {row['lastCause']} {ago(SystemClock().now() - from_rfc3339(row['lastAt']))} ago"
    )


def draw_jobs(screen: Console, jobs: Sequence[Json]) -> None:
    """Draw jobs, those that need somebody first; why each one waits, or failed, stands beside it."""
    from crosstree.base.clock import SystemClock, from_rfc3339

    if not jobs:
        screen.print("No TrainingJob.")
        return
    now = SystemClock().now()
    ranked = sorted(
        jobs, key=lambda job: (_ORDER.index(job["phase"]) if job["phase"] in _ORDER else 0, job["created"])
    )
    rows = [
        (
            f"{job['namespace']}/{job['name']}", job["phase"], job["workers"], job["accelerators"], job["model"],
            job["span"], line_cell(job), start_cell(job), ago(now - from_rfc3339(job["created"])), why(job),
        )
        for job in ranked[:SHOWN]
    ]  # fmt: skip
    counts = ", ".join(
        f"{n} {phase}" for phase in _ORDER if (n := sum(job["phase"] == phase for job in jobs))
    )
    columns = (
        "JOB",
        "PHASE",
        "#WORKERS",
        "#ACCELERATORS",
        "MODEL",
        "SPAN",
        "QUEUE",
        "#STARTS IN",
        "#AGE",
        "WHY IT WAITS OR FAILED",
    )
    screen.print(table(f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}: {counts}", columns, rows))
    if len(jobs) > SHOWN:
        screen.print(f"  … and {len(jobs) - SHOWN} more; -o json has all of them.")
