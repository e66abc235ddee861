"""Figures of replays as the tables of docs/explanation/simulator.md: every policy, the losses as well as the wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.bars import judged
from crosstree.cli.measure import Record

PAGE = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "simulator.md"
BEGIN, END = "<!-- results: python -m bench tables FILE --write -->", "<!-- end of results -->"

_COLUMNS = (
    ("wait_mean", "wait", "time"), ("wait_p99", "p99", "time"), ("jct_mean", "jct", "time"),
    ("jct_p99", "p99", "time"), ("largest_wait_mean", "largest wait", "time"), ("largest_wait_p99", "p99", "time"),
    ("allocation_while_demand_waits", "allocated", "share"), ("preemptions", "stops", "count"),
)  # fmt: skip
_ORDER = ("production", "shortest-expected", "fifo", "easy", "best-fit", "las", "random", "srtf-oracle")
_COMPARED = ("S6", "S8", "S9", "SIM")


def pages(records: Sequence[Record]) -> str:
    """Write the bars of replays and their verdicts, then a table per trace, load and hints."""
    bars = [one for one in judged(records) if one.bar.id in _COMPARED]
    lines = ["### Bars", "", "| | figure | worst | bar | |", "|---|---|---|---|---|"]
    for one in bars:
        worst = "" if one.worst is None else f"{one.worst:,.3f}".rstrip("0").rstrip(".") + f" {one.unit}"
        lines.append(
            f"| {one.bar.id} | {one.bar.title} | {worst} | {one.bar.side.value} {one.bar.limit:g} | {one.word} |"
        )
    lines += _otherwise(records)
    kept = [record for record in records if record.id in ("S6", "S8") and "policy" in record.conditions]
    cases = dict.fromkeys(_case(record) for record in kept)
    for case in cases:
        trace, load, hints, jobs = case
        shown = f", first {jobs} jobs" if jobs else ""
        lines += ["", f"### {str(trace).title()} at load {load}, hints {hints}{shown}", ""]
        lines += list(_table([record for record in kept if _case(record) == case]))
    return "\n".join(lines) + "\n"


def write(text: str) -> None:
    """Put the tables where the page keeps them."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _otherwise(records: Iterable[Record]) -> list[str]:
    """Write what the largest gangs could not be spared, and what they would wait if something were otherwise."""
    rows = []
    for record in records:
        load = f"{str(record.conditions.get('trace')).title()} at load {record.conditions.get('load')}"
        match record.metric:
            case "largest_wait_floor_over_best_fit":
                what = f"the least possible, counting {record.conditions['counting']}"
            case "largest_wait_over_best_fit_if":
                what = f"`production`, if otherwise: {record.conditions['otherwise']}"
            case _:
                continue
        rows.append(f"| {load} | {what} | {record.value:.2f} |")
    if not rows:
        return []
    title = "### What the largest gangs can be spared"
    return ["", title, "", "| | | their mean wait over that of best fit |", "|---|---|--:|", *rows]


def _case(record: Record) -> tuple[object, ...]:
    return tuple(record.conditions.get(key) for key in ("trace", "load", "hints", "jobs"))


def _table(records: Iterable[Record]) -> Iterable[str]:
    found: dict[str, dict[str, float]] = {}
    for record in records:
        found.setdefault(str(record.conditions["policy"]), {})[record.metric] = record.value
    yield "| policy | " + " | ".join(title for _, title, _ in _COLUMNS) + " |"
    yield "|---|" + "--:|" * len(_COLUMNS)
    for name in sorted(found, key=_ORDER.index):
        cells = [_cell(found[name].get(metric), kind) for metric, _, kind in _COLUMNS]
        yield f"| `{name}` | " + " | ".join(cells) + " |"


def _cell(value: float | None, kind: str) -> str:
    if value is None:
        return ""
    if kind == "share":
        return f"{value:.1f} %"
    if kind == "count":
        return f"{value:,.0f}"
    return f"{value:,.0f} s" if value < 3 * 3600 else f"{value / 3600:,.1f} h"
