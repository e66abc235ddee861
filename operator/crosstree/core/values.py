"""Values of the core as JSON has them, and back: exact, and as small as names and lists allow.

Driven by the type hints of the dataclasses themselves, so that a field that is added to a gang or a queue is written
and read from then on. A field that has its default is left out: files stay small, and a file from before a field was
added still reads. What the numbers of a cluster look like as a whole is `record`.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from crosstree.base.errors import SpecError

Json = Any
"""Dict, list, string, number, boolean or None."""

_TAG = "is"
"""Names the class where a hint allows several."""


def plain(value: Any, hint: Any) -> Json:
    """Write a value of a type as JSON has it.

    Args:
        value: A frozen dataclass, enum, array, tuple, mapping, text, number or None.
        hint: Its type, as annotated.

    Returns:
        A dict per dataclass, without the fields that have their default; a list per tuple; a list of pairs per
        mapping; arrays as `_array` says. Never one of `nan`; an infinite float is text.

    Raises:
        TypeError: the type is none that values of the core have; a bug of ours.
    """
    if value is None:
        return None
    return _codec(hint)[0](value)


def value(given: Json, hint: Any, where: str) -> Any:
    """Read what `plain` wrote.

    Args:
        given: As JSON had it.
        hint: What it is to become.
        where: Path of it in its file, for error messages.

    Raises:
        SpecError: it is not of that type; the text names the path, what was found and what is expected.
    """
    return _codec(hint)[1](given, where)


Write = Callable[[Any], Json]
Read = Callable[[Json, str], Any]


@lru_cache(maxsize=512)
def _codec(hint: Any) -> tuple[Write, Read]:
    """Return how a type is written and read."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is np.ndarray:
        kind = np.dtype(get_args(inner[1])[0])
        return _array, lambda given, where: _read_array(given, kind, where)
    if origin is tuple:
        return _tuple(inner)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*inner)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (lambda each: each.value), lambda given, where: _read_enum(given, hint, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return (lambda each: _dataclass(each, hint)), lambda given, where: _read_dataclass(given, hint, where)
    if hint is float:
        return _float, _read_float
    if hint in (str, int, bool):
        return hint, lambda given, where: _read_scalar(given, hint, where)
    raise TypeError(f"{hint!r} has no form in a file")


# dataclasses ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _dataclass(each: Any, cls: type) -> Json:
    hints, written = _hints(cls), {}
    for field in fields(cls):
        own, default = getattr(each, field.name), _default(field)
        if default is MISSING or type(own) is not type(default) or _differs(own, default):
            written[field.name] = plain(own, hints[field.name])
    return written


def _differs(left: Any, right: Any) -> bool:
    """Tell two values of one type apart, -0.0 from 0.0 as well."""
    return bool(left != right) or (
        isinstance(left, float) and math.copysign(1, left) != math.copysign(1, right)
    )


def _read_dataclass(given: Json, cls: type, where: str) -> Any:
    if not isinstance(given, dict):
        raise _wrong(where, given, f"the fields of a {cls.__name__}")
    hints = _hints(cls)
    if unknown := sorted(given.keys() - hints.keys()):
        raise SpecError(f"{where}.{unknown[0]} is not known here; a newer Crosstree may have written it.")
    found = {}
    for field in fields(cls):
        if field.name in given:
            found[field.name] = value(given[field.name], hints[field.name], f"{where}.{field.name}")
        elif _default(field) is MISSING:
            raise SpecError(f"{where}.{field.name} is missing.")
    return cls(**found)


def _union(hints: tuple[Any, ...]) -> tuple[Write, Read]:
    """One type or None; or one of several dataclasses, which then say which."""
    several = [hint for hint in hints if hint is not types.NoneType]
    if len(several) == 1:
        only = several[0]
        return (
            lambda each: plain(each, only)
        ), lambda given, where: None if given is None else value(given, only, where)
    by_name = {hint.__name__: hint for hint in several}

    def read(given: Json, where: str) -> Any:
        if given is None and len(several) < len(hints):
            return None
        named = given.get(_TAG) if isinstance(given, dict) else None
        if named not in by_name:
            raise _wrong(where, given, f"one of {', '.join(by_name)}")
        return value({key: own for key, own in given.items() if key != _TAG}, by_name[named], where)

    return (lambda each: {_TAG: type(each).__name__, **plain(each, type(each))}), read


def _tuple(inner: tuple[Any, ...]) -> tuple[Write, Read]:
    if len(inner) == 2 and inner[1] is Ellipsis:
        item = inner[0]
        return (lambda each: [plain(one, item) for one in each]), lambda given, where: tuple(
            value(one, item, f"{where}[{at}]") for at, one in enumerate(_list(given, where))
        )

    def read(given: Json, where: str) -> Any:
        if len(_list(given, where)) != len(inner):
            raise _wrong(where, given, f"{len(inner)} values")
        return tuple(value(one, hint, where) for one, hint in zip(given, inner, strict=True))

    return (lambda each: [plain(one, hint) for one, hint in zip(each, inner, strict=True)]), read


def _mapping(key: Any, item: Any) -> tuple[Write, Read]:
    pairs = _tuple((tuple[key, item], Ellipsis))
    return (lambda each: pairs[0](each.items())), lambda given, where: dict(pairs[1](given, where))


# scalars --------------------------------------------------------------------------------------------------


def _float(each: float) -> Json:
    return float(each) if math.isfinite(each) else str(float(each))


def _read_float(given: Json, where: str) -> float:
    if given in ("inf", "-inf"):
        return float(given)
    if type(given) not in (int, float):
        raise _wrong(where, given, "a number")
    return float(given)


def _read_scalar(given: Json, kind: type, where: str) -> Any:
    if type(given) is not kind:
        raise _wrong(where, given, {str: "text", int: "a whole number", bool: "true or false"}[kind])
    return given


def _read_enum(given: Json, cls: type[Enum], where: str) -> Enum:
    try:
        return cls(given)
    except ValueError:
        raise _wrong(where, given, f"one of {', '.join(str(each.value) for each in cls)}") from None


# arrays ---------------------------------------------------------------------------------------------------


def _array(each: np.ndarray[Any, Any]) -> Json:
    """Write numbers as a list, or as runs where that is shorter; a table as one of these per column."""
    if each.ndim == 2:
        return {"rows": each.shape[0], "columns": [_array(column) for column in each.T]}
    edges = np.flatnonzero(each[1:] != each[:-1]) + 1
    if 2 * (len(edges) + 1) >= len(each):
        return each.astype(np.int64).tolist()
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.concatenate((starts, [len(each)])))
    return {"runs": np.stack((each[starts].astype(np.int64), lengths), axis=1).ravel().tolist()}


def _read_array(given: Json, kind: np.dtype[Any], where: str) -> np.ndarray[Any, Any]:
    """Read an array, write-protected: snapshots share theirs."""
    if isinstance(given, dict) and "columns" in given:
        rows = _read_scalar(given.get("rows"), int, f"{where}.rows")
        columns = [_read_array(each, kind, where) for each in _list(given["columns"], where)]
        if any(column.shape != (rows,) for column in columns):
            raise SpecError(f"{where} has columns of other than {rows} rows.")
        found: np.ndarray[Any, Any] = np.array(columns, kind).reshape(len(columns), rows).T.copy()
    elif isinstance(given, dict):
        runs = _numbers(given.get("runs"), where).reshape(-1, 2)
        found = np.repeat(runs[:, 0], runs[:, 1])
    else:
        found = _numbers(given, where)
    narrowed = found.astype(kind)
    if (narrowed != found).any():
        raise SpecError(f"{where} has numbers that {kind} does not hold.")
    narrowed.flags.writeable = False
    return narrowed


def _numbers(given: Json, where: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    if any(type(each) is not int for each in _list(given, where)):
        raise _wrong(where, given, "a list of whole numbers")
    return np.array(given, np.int64)


def _list(given: Json, where: str) -> list[Json]:
    if not isinstance(given, list):
        raise _wrong(where, given, "a list")
    return given


def _wrong(where: str, found: Json, expected: str) -> SpecError:
    shown = repr(found)
    return SpecError(f"{where} is {shown[:60]}{'…' if len(shown) > 60 else ''}, not {expected}.")
