"""Data files to rows, strictly: whatever is not understood is an error that names file, row and field.

Only `load` opens files; here text comes in and values go out, so that tests can hand in broken text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from enum import Enum
from typing import TypeVar

import yaml

from crosstree.base.errors import SpecError
from crosstree.catalog.rows import Clause, Resources, Row
from crosstree.core.accelerator import Cross, IntraNode, Profile, Rule
from crosstree.core.cluster import Preset
from crosstree.core.fabrics import FabricPreset
from crosstree.core.topology import LevelSpec

KINDS = ("gpu", "npu", "tpu", "fpga", "ipu", "xpu")
ROW_FIELDS = (
    "id", "kind", "title", "resources", "own_resources", "match", "memory_gib", "devices_per_node", "intra",
    "gang", "slice_label", "domain_labels", "collective", "source", "estimated",
)  # fmt: skip
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NEVER = re.compile(r"(?<!\\)[A-Z_ ]")
"""What a normalised value never holds, so that a regex with it could never match."""

E = TypeVar("E", bound=Enum)


class _StrictLoader(yaml.CSafeLoader):
    """The safe loader, but a key given twice in one mapping is an error, not the last one's victory."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.value != "<<":
                raise SpecError(f"line {key.start_mark.line + 1}: {key.value!r} is given twice; keep one.")
            seen.add(key.value)
        super().flatten_mapping(node)


class Fields:
    """One mapping of a data file, read field by field. `where` begins every complaint."""

    def __init__(self, raw: object, where: str, known: tuple[str, ...]) -> None:
        if not isinstance(raw, dict):
            raise SpecError(f"{where} is {raw!r}; write a mapping of {', '.join(known)}.")
        self.raw: Mapping[Hashable, object] = raw
        self.where = where
        for key in raw:
            if key not in known:
                raise SpecError(f"{where}: {key!r} is not a field; known are {', '.join(known)}.")

    def wrong(self, name: str, found: object, way_out: str) -> SpecError:
        """Make the error for a field; the caller raises it."""
        return SpecError(f"{self.where}: {name} is {found!r}; {way_out}")

    def text(self, name: str, default: str | None = None) -> str:
        """Return a non-empty string; without a default the field must be there."""
        found = self.raw.get(name, default)
        if not isinstance(found, str) or not (found or default == ""):
            raise self.wrong(name, found, "write a non-empty text.")
        return found

    def whole(self, name: str) -> int:
        """Return a whole number, 0 where the field is left out."""
        found = self.raw.get(name, 0)
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise self.wrong(name, found, "write a whole number, or leave it out where it is not known.")
        return found

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        found = self.raw.get(name, default)
        if not isinstance(found, bool):
            raise self.wrong(name, found, "write true or false.")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of non-empty strings, empty where the field is left out."""
        found = self.items(name)
        if not all(isinstance(item, str) and item for item in found):
            raise self.wrong(name, found, "write a list of non-empty texts.")
        return tuple(str(item) for item in found)

    def items(self, name: str) -> list[object]:
        """Return a list of anything, empty where the field is left out."""
        found = self.raw.get(name, [])
        if not isinstance(found, list):
            raise self.wrong(name, found, "write a list.")
        return found

    def choice(self, name: str, kind: type[E], default: E) -> E:
        """Return a member of an Enum by its value."""
        found = self.raw.get(name, default.value)
        for member in kind:
            if member.value == found:
                return member
        raise self.wrong(name, found, f"write one of {', '.join(str(m.value) for m in kind)}.")


def document(file: str, text: str) -> object:
    """Parse YAML.

    Raises:
        SpecError: not YAML, or a key given twice.
    """
    try:
        parsed: object = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a safe loader made stricter
    except yaml.YAMLError as error:
        raise SpecError(f"{file}: not YAML: {error}") from error
    except SpecError as error:
        raise SpecError(f"{file}: {error}") from error
    return parsed


def rows(file: str, text: str) -> list[Row]:
    """Read the rows of one vendor's file, in order.

    Raises:
        SpecError: a field is unknown, missing, of the wrong form, or an id is there twice.
    """
    head = Fields(document(file, text), file, ("vendor", "defaults", "rows"))
    vendor = head.text("vendor")
    defaults = Fields(head.raw.get("defaults", {}), f"{file}: defaults", ROW_FIELDS).raw
    done: list[Row] = []
    ids: set[str] = set()
    for number, raw in enumerate(head.items("rows"), start=1):
        where = f"{file}: row {number}"
        if isinstance(raw, dict):
            where += f" ({raw.get('id', 'without id')})"
        merged = {**defaults, **raw} if isinstance(raw, dict) else raw
        row = _row(Fields(merged, where, ROW_FIELDS), vendor)
        if row.profile.id in ids:
            raise SpecError(f"{where}: id {row.profile.id!r} is there twice; give each row its own.")
        ids.add(row.profile.id)
        done.append(row)
    if not done:
        raise head.wrong("rows", [], "list at least one.")
    return done


def _row(fields: Fields, vendor: str) -> Row:
    identity = fields.text("id")
    if not _ID.fullmatch(identity):
        raise fields.wrong("id", identity, "write lower-case words joined by '-'.")
    kind = fields.text("kind")
    if kind not in KINDS:
        raise fields.wrong("kind", kind, f"write one of {', '.join(KINDS)}.")
    names = fields.texts("resources") + fields.texts("own_resources")
    if not names:
        raise fields.wrong("resources", [], "name at least one, here or in own_resources.")
    return Row(
        profile=Profile(
            id=identity,
            vendor=vendor,
            kind=kind,
            title=fields.text("title"),
            memory_gib=fields.whole("memory_gib"),
            devices_per_node=fields.whole("devices_per_node"),
            intra=_intra(
                Fields(
                    fields.raw.get("intra", {}), f"{fields.where}: intra", ("rule", "size", "cross", "legal")
                )
            ),
            gang=fields.flag("gang", default=True),
            slice_label=fields.text("slice_label", ""),
            domain_labels=fields.texts("domain_labels"),
            collective=fields.text("collective", ""),
        ),
        resources=_resources(fields, "resources"),
        own=_resources(fields, "own_resources"),
        match=tuple(_clause(fields, i, raw) for i, raw in enumerate(fields.items("match"))),
        names=names,
        source=fields.text("source"),
        estimated=fields.flag("estimated", default=False),
    )


def _intra(fields: Fields) -> IntraNode:
    rule = fields.choice("rule", Rule, Rule.ALL_TO_ALL)
    size = fields.whole("size")
    islands = rule in (Rule.GROUPS, Rule.MIRRORED)
    if islands != (size > 1):
        way_out = (
            "2 or more devices make an island"
            if islands
            else f"rule {rule.value} has no islands, leave it out"
        )
        raise fields.wrong("size", size, f"{way_out}.")
    legal = fields.items("legal")
    counts = tuple(
        count for count in legal if isinstance(count, int) and not isinstance(count, bool) and count > 0
    )
    if len(counts) != len(legal) or list(counts) != sorted(set(counts)):
        raise fields.wrong(
            "legal", legal, "write ascending counts of devices, or leave it out where any will do."
        )
    return IntraNode(rule, size, fields.choice("cross", Cross, Cross.FORBID), counts)


def _resources(fields: Fields, name: str) -> Resources:
    texts = fields.texts(name)
    patterns = tuple(_regex(fields, name, text[3:]) for text in texts if text.startswith("re:"))
    return Resources(frozenset(text for text in texts if not text.startswith("re:")), patterns)


def _clause(fields: Fields, number: int, raw: object) -> Clause:
    name = f"match[{number}]"
    if (
        not isinstance(raw, dict)
        or not raw
        or not all(isinstance(k, str) and isinstance(v, str) for k, v in raw.items())
    ):
        raise fields.wrong(name, raw, "write a mapping of label keys to regexes, all of which must match.")
    for label, regex in raw.items():
        if _NEVER.search(regex):
            raise fields.wrong(
                f"{name}.{label}",
                regex,
                "values are compared in lower case with '-' for '_' and ' ': write it so.",
            )
    return tuple((label, _regex(fields, f"{name}.{label}", regex)) for label, regex in raw.items())


def _regex(fields: Fields, name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise fields.wrong(name, text, f"that is no regular expression: {error}.") from error


def fabrics(file: str, text: str) -> dict[Preset, FabricPreset]:
    """Read the fabric presets, in the order in which `Auto` tries them."""
    presets = {preset.value: preset for preset in Preset if preset not in (Preset.AUTO, Preset.NONE)}
    head = Fields(document(file, text), file, tuple(presets))
    done: dict[Preset, FabricPreset] = {}
    for name in head.raw:
        fields = Fields(head.raw[name], f"{file}: {name}", ("levels", "domain_labels", "source"))
        levels: list[LevelSpec] = []
        for number, raw in enumerate(fields.items("levels")):
            level = Fields(raw, f"{fields.where}: levels[{number}]", ("name", "label"))
            levels.append(LevelSpec(level.text("name"), level.text("label")))
        if not levels or len({level.name for level in levels}) != len(levels):
            raise fields.wrong(
                "levels", [level.name for level in levels], "list at least one, each name once."
            )
        done[presets[str(name)]] = FabricPreset(
            tuple(levels), fields.texts("domain_labels"), fields.text("source")
        )
    return done
