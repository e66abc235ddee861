"""How the command line answers: tables and bars for people, JSON and YAML for programs.

Colour only on a terminal. Nothing here knows the cluster; verbs hand over plain values and rows.
"""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, TextIO, cast

from crosstree.base.clock import SystemClock, from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.base.moments import moment
from crosstree.cli.options import Format

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPED_WIDTH = 100_000
"""Columns when the answer goes into a file or a pipe: more than any row has, so that none is wrapped or cut."""

BAR = 20
"""Cells of a bar."""

_STYLES = {
    "Running": "green",
    "Succeeded": "bold green",
    "Failed": "bold red",
    "Recovering": "yellow",
    "Resizing": "yellow",
    "Starting": "cyan",
    "Pending": "yellow",
    "Suspended": "dim",
}


def console(*, no_color: bool = False, stderr: bool = False) -> Console:
    """Return a console for this process: colour and real width on a terminal, plain and a row a line in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(file=stream, no_color=no_color or None, highlight=False)
    trimmed = cast("TextIO", _Trimmed(stream))
    return Console(file=trimmed, width=PIPED_WIDTH, no_color=no_color or None, highlight=False)


class _Trimmed(io.TextIOBase):
    """Drops the blanks at the end of lines, with which a table fills each row up to its longest."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Pass text on; it comes in whole lines."""
        self._stream.write("\n".join(line.rstrip(" ") for line in text.split("\n")))
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        self._stream.flush()


def emit(value: object, form: Format) -> None:
    """Write a value for programs on stdout, as indented JSON or as YAML."""
    data = plain(value)
    if form is Format.YAML:
        import yaml

        sys.stdout.write(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110))
    else:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def line(value: object) -> None:
    """Write one JSON object on a line of its own, at once, so that a reader can follow a long run."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Turn dataclasses, enums, tuples and mappings into what JSON and YAML know."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Build a table; columns whose name starts with `#` are numbers and stand on the right.

    A cell is one line, whatever it is made of: messages of containers are not.
    """
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        right = name.startswith("#")
        made.add_column(name.removeprefix("#"), justify="right" if right else "left", header_style="bold")
    for row in rows:
        made.add_row(
            *(cell if isinstance(cell, Text) else styled(" ".join(str(cell).splitlines())) for cell in row)
        )
    return made


def styled(text: str) -> Text:
    """Colour a word that is a phase; anything else stays as it is. Markup in names is never read as markup."""
    from rich.text import Text

    return Text(text, style=_STYLES.get(text, ""))


def bar(allocated: int, free: int, unhealthy: int, *, cells: int = BAR) -> Text:
    """Draw shares of a whole: allocated solid, free dotted, unhealthy crossed; each part in its own colour.

    A part that is there at all gets at least one cell, as far as there are cells.
    """
    from rich.text import Text

    drawn = Text()
    for (mark, style), width in zip(
        (("█", "green"), ("·", "dim"), ("×", "red")),
        _shares((allocated, free, unhealthy), cells),
        strict=True,
    ):
        drawn.append(mark * width, style=style)
    return drawn


def _shares(parts: Sequence[int], cells: int) -> list[int]:
    """Split `cells` in proportion to the parts, largest remainder first, nobody below one cell if above zero."""
    total = sum(max(part, 0) for part in parts)
    if total == 0:
        return [0, cells, 0]
    exact = [max(part, 0) * cells / total for part in parts]
    widths = [max(int(share), 1 if share > 0 else 0) for share in exact]
    while sum(widths) != cells:
        step = 1 if sum(widths) < cells else -1
        gaps = [(exact[i] - widths[i]) * step for i in range(len(widths))]
        open_ = [i for i in range(len(widths)) if step > 0 or widths[i] > 1]
        if not open_:
            break
        widths[max(open_, key=lambda i: gaps[i])] += step
    return widths


def ago(seconds: float) -> str:
    """Write a duration as kubectl does: `45s`, `12m`, `3h20m`, `5d`."""
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole}s"
    if whole < 3 * 3600:
        return f"{whole // 60}m"
    if whole < 48 * 3600:
        hours, rest = divmod(whole, 3600)
        return f"{hours}h{rest // 60}m" if rest >= 60 else f"{hours}h"
    return f"{whole // 86400}d"


def written(time: str) -> str:
    """Write a time of a status for people, to the minute and with its day unless that is today; other text as it is."""
    try:
        return moment(from_rfc3339(time), SystemClock().now())
    except SpecError:
        return time
