"""The catalog: every accelerator known, as rows in `data/<vendor>.yaml`. Adding a chip is adding a row.

A vendor's file is `{vendor, defaults?, rows}`; `defaults` are fields for every row that does not give them.
Rows are asked in order and the first that fits wins, so write the narrow before the wide and the vendor's
fallback last. Fields of a row:

    id                what jobs and pools call it: lower-case words joined by '-'
    kind              gpu | npu | tpu | fpga | ipu | xpu
    title             for people
    resources         extended resources it shares with other rows, exact or 're:' and a regex for the whole
                      name; the canonical one first
    own_resources     the same, but these are this row's whatever the labels say
    match             any of these clauses must hold; a clause maps node labels to regexes, each of which is
                      found in its label's value. Values are compared in lower case, '_' and ' ' as '-'.
                      No match at all: every node (a fallback)
    memory_gib        per device, whole; left out where unknown. Chips of one name and two sizes are two rows
    devices_per_node  of a usual full node; left out where it varies
    intra             {rule: all-to-all | none | groups | mirrored-rings | full-node-only, size: devices of an
                      island, cross: forbid | penalise, legal: [counts a pod may ask for]}; left out: all-to-all
                      and any count
    gang              false: devices can't talk to each other; one per pod, no gangs
    slice_label       node label that names an atomic slice, taken whole or not at all
    domain_labels     node labels, best first, that name the accelerator domain between leaf and node
    collective        library of its traffic: nccl, rccl, hccl, ...
    source            where the facts come from
    estimated         true: some fact could not be checked against the vendor's own text

`data/_health.yaml` lists signals of producers and what is done about each, `data/_fabrics.yaml` the labels of
known fabrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from crosstree.base.errors import SpecError
from crosstree.catalog import read, signals
from crosstree.catalog.lookup import Catalog
from crosstree.catalog.rows import ConditionRule, Row
from crosstree.core.cluster import Preset
from crosstree.core.fabrics import FabricPreset

__all__ = ["Catalog", "ConditionRule", "Row", "load", "load_fabrics"]

_HEALTH = "_health.yaml"
_FABRICS = "_fabrics.yaml"


def load() -> Catalog:
    """Read all data files. Call it once per process; the result may be shared.

    Raises:
        SpecError: a data file is not as described above, or an id is in two files.
    """
    folder = resources.files("crosstree.catalog") / "data"
    files = {
        item.name: item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    }
    rows: list[Row] = []
    owner: dict[str, str] = {}
    for name in sorted(files):
        if name.startswith("_"):
            continue
        for row in read.rows(name, files[name]):
            other = owner.setdefault(row.profile.id, name)
            if other != name:
                raise SpecError(f"{name}: id {row.profile.id!r} is in {other} too; give each row its own.")
            rows.append(row)
    return Catalog(rows, signals.health(_HEALTH, files[_HEALTH]))


def load_fabrics() -> Mapping[Preset, FabricPreset]:
    """Read the fabric presets, in the order in which `Auto` tries them: the first with a label on a node.

    Raises:
        SpecError: the data file is not as it should be.
    """
    folder = resources.files("crosstree.catalog") / "data"
    return read.fabrics(_FABRICS, (folder / _FABRICS).read_text(encoding="utf-8"))
