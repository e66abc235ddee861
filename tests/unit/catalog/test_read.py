"""Broken data files: each complaint names the file, the row, the field, what was found and what would do."""

from __future__ import annotations

import pytest

from crosstree.base.errors import SpecError
from crosstree.catalog import read

GOOD = """
vendor: acme
defaults: {kind: gpu, source: a book}
rows:
  - id: acme-one
    title: One
    resources: [acme.com/gpu]
    match: [{acme.com/product: '^one$'}]
    intra: {rule: groups, size: 4, cross: penalise, legal: [1, 2, 4]}
"""


def test_good_file_is_read() -> None:
    (row,) = read.rows("acme.yaml", GOOD)
    assert row.profile.vendor == "acme"
    assert row.recognises({"acme.com/product": "One"})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "title: One",
            "titel: One",
            "acme.yaml: row 1 (acme-one): 'titel' is not a field; known are id, kind, title",
        ),
        ("title: One", "title: 7", "acme.yaml: row 1 (acme-one): title is 7; write a non-empty text."),
        ("    title: One\n", "", "row 1 (acme-one): title is None; write a non-empty text."),
        ("id: acme-one", "id: Acme_One", "id is 'Acme_One'; write lower-case words joined by '-'."),
        ("kind: gpu", "kind: toaster", "kind is 'toaster'; write one of gpu, npu, tpu, fpga, ipu, xpu."),
        (
            "rule: groups",
            "rule: rings",
            "intra: rule is 'rings'; write one of all-to-all, none, groups, mirrored-rings",
        ),
        ("size: 4", "size: 1", "intra: size is 1; 2 or more devices make an island."),
        ("rule: groups", "rule: none", "intra: size is 4; rule none has no islands, leave it out."),
        ("cross: penalise", "cross: maybe", "cross is 'maybe'; write one of forbid, penalise."),
        ("[1, 2, 4]", "[4, 2]", "legal is [4, 2]; write ascending counts of devices"),
        ("[1, 2, 4]", "[0, 2]", "legal is [0, 2]; write ascending counts of devices"),
        ("[1, 2, 4]", "4", "legal is 4; write a list."),
        ("[acme.com/gpu]", "[]", "resources is []; name at least one, here or in own_resources."),
        ("[acme.com/gpu]", "['re:acme(']", "resources is 'acme('; that is no regular expression:"),
        ("'^one$'", "'on(e'", "match[0].acme.com/product is 'on(e'; that is no regular expression:"),
        ("'^one$'", "'^One$'", "values are compared in lower case with '-' for '_' and ' ': write it so."),
        ("'^one$'", "1", "match[0] is {'acme.com/product': 1}; write a mapping of label keys to regexes"),
        (
            "title: One",
            "title: One\n    memory_gib: lots",
            "memory_gib is 'lots'; write a whole number, or leave it out",
        ),
        ("title: One", "title: One\n    gang: 1", "gang is 1; write true or false."),
        ("title: One", "title: One\n    title: Two", "acme.yaml: line 7: 'title' is given twice; keep one."),
        ("vendor: acme", "vendor: [", "acme.yaml: not YAML:"),
        (
            "vendor: acme",
            "vender: acme",
            "acme.yaml: 'vender' is not a field; known are vendor, defaults, rows.",
        ),
    ],
)
def test_broken_row_is_refused_with_a_sentence(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(SpecError) as caught:
        read.rows("acme.yaml", GOOD.replace(old, new))
    assert says in str(caught.value)


def test_second_row_of_one_id_is_refused() -> None:
    with pytest.raises(SpecError, match=r"row 2 \(acme-one\): id 'acme-one' is there twice"):
        read.rows("acme.yaml", GOOD + GOOD.split("rows:\n")[1])


def test_file_without_rows_is_refused() -> None:
    with pytest.raises(SpecError, match=r"acme.yaml: rows is \[\]; list at least one"):
        read.rows("acme.yaml", "vendor: acme")


def test_file_that_is_a_list_is_refused() -> None:
    with pytest.raises(SpecError, match="write a mapping of vendor, defaults, rows"):
        read.rows("acme.yaml", "- a\n- b")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Moon: {levels: []}", "'Moon' is not a field; known are Topograph,"),
        ("Zone: {levels: [], source: s}", r"Zone: levels is \[\]; list at least one, each name once."),
        ("Zone: {levels: [{name: a, label: x}, {name: a, label: y}]}", r"levels is \['a', 'a'\]"),
        ("Zone: {levels: [{name: a}]}", r"Zone: levels\[0\]: label is None; write a non-empty text."),
    ],
)
def test_broken_fabric_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        read.fabrics("_fabrics.yaml", text)
