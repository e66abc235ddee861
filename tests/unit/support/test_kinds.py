"""The kinds of faults and the page about them tell the same."""

from __future__ import annotations

import tests.chaos.campaign
from tests.chaos.kinds import BRIEF, KINDS
from tests.support.operator_forks import ROOT

assert tests.chaos.campaign.MODULES


def test_every_kind_of_fault_stands_on_the_page_about_faults():
    page = (ROOT / "docs" / "explanation" / "faults.md").read_text()
    rows = [
        f"| {name} | {kind.says} | {'may restart' if kind.harms else 'go on'} | "
        f"{'every test' if name in BRIEF else 'chaos'} |"
        for name, kind in sorted(KINDS.items())
    ]
    assert [line for line in page.splitlines() if line.startswith("| ")][1:] == rows


def test_what_every_test_plays_is_of_every_group_and_not_little():
    assert set(KINDS) > BRIEF
    assert len(BRIEF) >= 40
    assert {name.split("/")[0] for name in BRIEF} == {name.split("/")[0] for name in KINDS}
    assert any(name.startswith("api/watch-") for name in BRIEF)
