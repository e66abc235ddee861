"""Reading CSV files, gzipped or not, with errors that say file, line, column, what was found and what would do."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from crosstree.base.errors import SpecError


class Row:
    """One line of a table; knows where it stands."""

    __slots__ = ("_cells", "_column", "line", "path")

    def __init__(self, path: Path, line: int, cells: Sequence[str], column: dict[str, int]) -> None:
        self.path = path
        self.line = line
        self._cells = cells
        self._column = column

    def text(self, name: str) -> str:
        """Return a cell, empty where the table has no such column."""
        at = self._column.get(name)
        return self._cells[at].strip() if at is not None else ""

    def number(self, name: str, *, least: float = 0.0) -> float:
        """Return a cell as a number.

        Raises:
            SpecError: it is none, not finite, or less than `least`.
        """
        found = self.text(name)
        try:
            value = float(found)
        except ValueError:
            value = float("nan")
        if not least <= value < float("inf"):
            raise self.bad(name, found, f"a number of at least {least:g}")
        return value

    def whole(self, name: str, *, least: int = 0) -> int:
        """Return a cell as a whole number; SpecError if it is none or less than `least`."""
        value = self.number(name, least=least)
        if value != int(value):
            raise self.bad(name, self.text(name), f"a whole number of at least {least}")
        return int(value)

    def bad(self, name: str, found: str, wanted: str) -> SpecError:
        """Return the error for a cell."""
        return SpecError(
            f"{self.path}, line {self.line}, column {name}: found {found!r}, but {wanted} is needed."
        )


def header(path: Path) -> tuple[str, ...]:
    """Return the column names of a file; empty if it is empty.

    Raises:
        SpecError: it can't be read, or is no text.
    """
    with opened(path) as stream:
        return tuple(name.strip() for name in next(csv.reader(stream), ()))


def rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """Yield the lines of a table that has at least the columns `needed`; empty lines are passed over.

    Raises:
        SpecError: the file can't be read, a column is missing, or a line has too few or too many cells.
    """
    with opened(path) as stream:
        reader = csv.reader(stream)
        names = [name.strip() for name in next(reader, [])]
        missing = [name for name in needed if name not in names]
        if missing:
            raise SpecError(
                f"{path}, line 1: column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
                f"{'are' if len(missing) > 1 else 'is'} missing; found {', '.join(names) or 'nothing'}. "
                f"Needed are {', '.join(needed)}."
            )
        column = {name: at for at, name in enumerate(names)}
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(names):
                raise SpecError(
                    f"{path}, line {reader.line_num}: found {len(cells)} cells, but the header has {len(names)} "
                    "columns. Quote cells that hold a comma."
                )
            yield Row(path, reader.line_num, cells, column)


def opened(path: Path) -> io.TextIOBase:
    """Open a file for reading, unpacked if its name ends with `.gz`.

    Raises:
        SpecError: it is not there, can't be read, or is not what its name says.
    """
    try:
        if path.suffix != ".gz":
            return path.open("r", encoding="utf-8", newline="")
        with gzip.open(path, "rb") as packed:  # whole: a damaged file must be told before half of it is used
            return io.StringIO(packed.read().decode("utf-8"), newline="")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path} can't be read: {error}. Give a CSV file, or one packed with gzip whose name ends with .gz."
        ) from error
