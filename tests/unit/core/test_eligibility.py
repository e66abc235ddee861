"""Node selectors, affinity and taints mean what they mean to kube-scheduler."""

from __future__ import annotations

import pytest

from crosstree.core.cluster import Selector
from crosstree.core.eligibility import mask, selects, tolerated
from crosstree.core.workload import NodeConstraint, Requirement, Taint, Toleration

NODES = ["a", "b"]
LABELS = [{"zone": "x", "gen": "3"}, {"zone": "y"}]


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (Requirement("zone", "In", ("x", "z")), [True, False]),
        (Requirement("zone", "NotIn", ("x",)), [False, True]),
        (Requirement("gen", "NotIn", ("9",)), [True, True]),
        (Requirement("gen", "Exists"), [True, False]),
        (Requirement("gen", "DoesNotExist"), [False, True]),
        (Requirement("gen", "Gt", ("2",)), [True, False]),
        (Requirement("gen", "Lt", ("3",)), [False, False]),
        (Requirement("gen", "Gt", ("many",)), [False, False]),
        (Requirement("metadata.name", "In", ("b",)), [False, True]),
        (Requirement("zone", "Resembles", ("x",)), [False, False]),
    ],
    ids=lambda value: value.operator if isinstance(value, Requirement) else "",
)
def test_requirement(requirement, expected):
    constraint = NodeConstraint(terms=((requirement,),))
    assert list(mask(constraint, NODES, LABELS, [(), ()])) == expected


def test_terms_are_an_or_of_ands():
    terms = (
        (Requirement("zone", "In", ("x",)), Requirement("gen", "In", ("9",))),
        (Requirement("zone", "In", ("y",)),),
    )
    assert list(mask(NodeConstraint(terms=terms), NODES, LABELS, [(), ()])) == [False, True]


def test_selector_and_expressions_all_must_match():
    selector = Selector((("zone", "x"),), (Requirement("gen", "Exists"),))
    assert [selects(selector, name, labels) for name, labels in zip(NODES, LABELS, strict=True)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration("gpu", "Exists"), True),
        (Toleration("gpu", "Equal", "yes"), True),
        (Toleration("gpu", "Equal", "no"), False),
        (Toleration("gpu", "Exists", effect="NoExecute"), False),
        (Toleration("", "Exists"), True),
        (Toleration("", "Equal"), False),
        (Toleration("cpu", "Exists"), False),
    ],
)
def test_toleration(toleration, expected):
    assert tolerated([toleration], [Taint("gpu", "yes", "NoSchedule")]) is expected


def test_preference_and_state_taints_keep_nobody_away_here():
    assert tolerated(
        [], [Taint("a", "", "PreferNoSchedule"), Taint("node.kubernetes.io/not-ready", "", "NoExecute")]
    )
