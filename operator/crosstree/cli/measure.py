"""What a bench reports: one record per figure, the same for every bench, and how figures are taken from samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crosstree.cli.options import Format
from crosstree.cli.output import console, line, table

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Record:
    """One figure of the suite: `id` as in the design, and everything needed to take it again."""

    id: str
    metric: str
    value: float
    unit: str
    conditions: Mapping[str, Value] = field(default_factory=dict)


def quantile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` of them do not exceed; 0 without samples."""
    if not samples:
        return 0.0
    ranked = sorted(samples)
    return ranked[min(len(ranked) - 1, max(0, -(-int(share * 1_000_000) * len(ranked) // 1_000_000) - 1))]


def report(records: Iterable[Record], form: Format, *, title: str, no_color: bool = False) -> list[Record]:
    """Write records as they come for programs (one JSON object per line), or as one table at the end.

    YAML is one document per record. Returns everything that was written.
    """
    seen: list[Record] = []
    for record in records:
        seen.append(record)
        if form is Format.JSON:
            line(record)
        elif form is Format.YAML:
            _document(record)
    if form is Format.TABLE:
        rows = [(r.id, r.metric, f"{r.value:,.3f}".rstrip("0").rstrip("."), r.unit, _short(r)) for r in seen]
        console(no_color=no_color).print(table(title, ("ID", "METRIC", "#VALUE", "UNIT", "CONDITIONS"), rows))
    return seen


def _document(record: Record) -> None:
    import sys

    import yaml

    from crosstree.cli.output import plain

    sys.stdout.write("---\n" + yaml.safe_dump(plain(record), sort_keys=False))
    sys.stdout.flush()


def _short(record: Record) -> str:
    return " ".join(f"{key}={value}" for key, value in record.conditions.items())
