"""`crosstree explain`: why a job waits, where it runs or why it failed, with the room there is for it right now.

The sentences are those of its status; the table and what would help are computed now, by the operator's own
core on the operator's own view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from crosstree.base.errors import Refused, SettingsError
from crosstree.cli.access import OURS, Json, found, silent_since, talk
from crosstree.cli.jobs import finish, warn
from crosstree.cli.length import length_of, sentence
from crosstree.cli.options import Context, Format, Kubeconfig, Namespace, NoColor, Output
from crosstree.cli.outlook import outlook_of, sentences
from crosstree.cli.output import console, emit, plain, styled, table, written

if TYPE_CHECKING:
    from rich.console import Console

    from crosstree.adapters.client import Api
    from crosstree.core.room import LevelRoom

NOT_ALLOWED = (
    "What would help can't be worked out here: {why}. An admin can bind the ClusterRole of the chart that ends in "
    "-explain to you."
)

NODES_SHOWN = 16
"""Nodes of a placement that are listed; -o json has all of them."""


def explain(
    job: Annotated[str, typer.Argument(metavar="JOB | NAMESPACE/JOB", help="The TrainingJob.")],
    namespace: Namespace = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Say why a job waits, what would help, and how much room there is; or where it runs, or why it failed."""
    inside, _, name = job.rpartition("/")
    if inside and namespace and inside != namespace:
        raise SettingsError(f"{job} is in namespace {inside}, but -n says {namespace}; give one of them.")
    told = talk(kubeconfig, context, lambda api: _told(api, inside or namespace or "default", name))
    if output is not Format.TABLE:
        emit({**told, "room": plain(told["room"])}, output)
        return
    draw(console(no_color=no_color), told)


async def _told(api: Api, namespace: str, name: str) -> Json:
    """Gather the answer as plain values."""
    path = f"{OURS}/namespaces/{namespace}/trainingjobs/{name}"
    raw = await found(api, path, f"no TrainingJob {name!r} in namespace {namespace}.")
    told = said_of(raw)
    told["operatorSilentSince"] = await silent_since(api)
    if told["finished"] is None:
        told["length"] = await length_of(api, raw)
    if told["placement"] is None and told["finished"] is None:
        try:
            await _computed(api, raw, told)
        except Refused as error:  # few users may list nodes and pods of everybody
            told["decision"] = NOT_ALLOWED.format(why=str(error).rstrip("."))
    return told


def said_of(raw: Json) -> Json:
    """Return what the job's status says, with room for what is computed."""
    seen = raw.get("status", {})
    return {
        "job": f"{raw['metadata']['namespace']}/{raw['metadata']['name']}",
        "phase": seen.get("phase", "Pending"),
        "waiting": seen.get("waiting"),
        "finished": finish(seen),
        "placement": seen.get("placement"),
        "attempt": seen.get("attempt", 0),
        "restarts": seen.get("restarts", []),
        "recovery": seen.get("recovery"),
        "conditions": [
            {key: c.get(key, "") for key in ("type", "status", "reason", "message")}
            for c in seen.get("conditions", ())
        ],
        **outlook_of(raw),
        "length": None,
        "room": [],
        "decision": "",
        "waysOut": [],
        "operatorSilentSince": None,
    }


async def _computed(api: Api, raw: Json, told: Json) -> None:
    """Add what the core says about this job on this cluster, now."""
    from crosstree import translate
    from crosstree.base.clock import SystemClock
    from crosstree.cli.live import loaded, with_masks
    from crosstree.core.admission import admit, cluster_of
    from crosstree.core.plan import Wait
    from crosstree.core.policy import Policy
    from crosstree.core.room import for_gang
    from crosstree.core.runbound import expected_in
    from crosstree.core.ways import alone, pools_of, ways_out

    job = translate.job(raw)
    view = await loaded(api)
    store = view.cluster.store
    cluster = cluster_of(job, store.clusters)
    gang = admit(job, store.clusters, store.queues, view.priorities, view.namespaces)
    if isinstance(cluster, Wait) or isinstance(gang, Wait):
        wait = cluster if isinstance(cluster, Wait) else gang
        told["decision"] = wait.message if isinstance(wait, Wait) else ""
        return
    gang = replace(gang, expected=expected_in(store.queues, job))
    snapshot = with_masks(view, view.cluster.snapshot_of(cluster.name), gang)
    told["room"] = [room for pool in pools_of(snapshot, gang) for room in for_gang(snapshot, pool, gang)]
    now = SystemClock().now()
    if alone(snapshot, gang, Policy(), now) is not None:
        if told["phase"] != "Suspended":
            told["decision"] = "It would start now if it were alone in the queue."
        else:
            told["decision"] = "There is room for it: it would start now if it were not suspended."
        return
    told["waysOut"] = [
        {
            "change": way.change,
            "pool": way.place.pool,
            "nodes": len(way.place.nodes),
            "spans": plain(way.place.spans),
        }
        for way in ways_out(snapshot, gang, Policy(), now)
    ]


def draw(screen: Console, told: Json) -> None:
    """Draw the answer: what became of the job or why it waits, then where it runs or what would let it."""
    warn(screen, told["operatorSilentSince"])
    screen.print(styled(told["job"]), styled(told["phase"]))
    _because(screen, told)
    if told["length"]:
        screen.print(f"\n{sentence(told['length'])}", markup=False)
    _recovery(screen, told["recovery"])
    if told["decision"] and told["decision"] != (told["waiting"] or {}).get("message"):
        screen.print(f"\n{told['decision']}", markup=False)
    if told["placement"]:
        _placement(screen, told)
    if told["room"]:
        _room(screen, told["room"])
    if told["waysOut"]:
        screen.print("\nIt would start now:", style="bold")
        for way in told["waysOut"]:
            spans = ", ".join(f"{s['domains']} {s['level']}" for s in way["spans"])
            screen.print(
                f"  • {way['change']} — in {way['pool']}, over {spans or _nodes(way['nodes'])}",
                markup=False,
            )
    elif told["room"] and not told["decision"]:
        screen.print(
            "\nNo small change of this job would start it now; it needs capacity to come free or to be added."
        )
    for restart in told["restarts"]:
        at = f" on {restart['node']}" if restart.get("node") else ""
        screen.print(
            f"  restarted at {written(restart['at'])}: {restart['reason']}{at}. {restart.get('message', '')}",
            markup=False,
        )


def _because(screen: Console, told: Json) -> None:
    """Say how the job ended, why it waits, or what else its status says of a job without a place."""
    waiting = told["waiting"]
    if told["finished"]:
        _finish(screen, told["phase"], told["finished"])
    elif waiting:
        screen.print(f"\nIt waits: {waiting.get('reason', '')}", style="bold yellow", markup=False)
        screen.print(f"  {waiting.get('message', '')}", markup=False)
        for one in sentences(told):
            screen.print(f"  {one}", markup=False)
    elif told["placement"] is None:
        if not told["conditions"]:
            screen.print(
                "\nNo operator has looked at it yet. If that stays so, none runs: see `crosstree run`."
            )
        for condition in told["conditions"]:
            screen.print(f"  {condition['type']}={condition['status']}: {condition['message']}", markup=False)


def _finish(screen: Console, phase: str, finished: Json) -> None:
    """Say how the job ended."""
    if phase == "Failed":
        screen.print(f"\nIt failed: {finished['reason']}", style="bold red", markup=False)
    else:
        screen.print("\nIt succeeded.", style="bold green")
    screen.print(f"  {finished['message']}", markup=False)


def _recovery(screen: Console, recovery: Json | None) -> None:
    """Say how the last failure is being, or was, recovered from."""
    if not recovery:
        return
    at = f" of node {recovery['node']}" if recovery.get("node") else ""
    since = written(recovery["since"])
    screen.print(f"\nRecovery: {recovery['rung']}, since {since}", style="bold", markup=False)
    screen.print(f"  After {recovery['cause']}{at}. {recovery.get('message', '')}", markup=False)


def _placement(screen: Console, told: Json) -> None:
    """Draw where a job runs, or last ran, and how that compares with the best there could have been."""
    placed = told["placement"]
    spans = placed.get("spans", [])
    # Who waits has a place only until the last pod of an attempt that is over has left it.
    does = "ran" if told["finished"] or told["waiting"] else "runs"
    screen.print(
        f"\nAttempt {told['attempt']} {does} in pool {placed['pool']} ({placed['model']}) on "
        + _nodes(len(placed["nodes"]))
        + "".join(f", {s['domains']} {s['level']} (at least {s['lowerBound']} needed)" for s in spans),
        markup=False,
    )
    rows = [
        (share["name"], _indices(share["first"], share["count"])) for share in placed["nodes"][:NODES_SHOWN]
    ]
    screen.print(table("", ("NODE", "#WORKERS"), rows))
    if len(placed["nodes"]) > NODES_SHOWN:
        screen.print(f"  … and {len(placed['nodes']) - NODES_SHOWN} more nodes; -o json has all of them.")


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _indices(first: int, count: int) -> str:
    """Name a run of workers: `3`, or `8–15`."""
    return str(first) if count == 1 else f"{first}–{first + count - 1}"


def _room(screen: Console, rooms: Sequence[LevelRoom]) -> None:
    """Draw what each level of each pool could give the job now."""
    screen.print()
    rows = [
        (
            room.pool,
            room.level,
            room.domains,
            f"{room.largest} in {room.best}" if room.largest else "0",
            room.capacity,
            room.together,
            room.fewest or "–",
        )
        for room in rooms
    ]
    columns = (
        "POOL",
        "LEVEL",
        "#DOMAINS",
        "#THE BEST HOLDS NOW",
        "#IF IT WERE EMPTY",
        "#ALL HOLD NOW",
        "#DOMAINS NEEDED",
    )
    screen.print(table("Room for its workers", columns, rows))
