"""The kinds of faults and the page about them tell the same."""

from __future__ import annotations

import tests.chaos.campaign
from tests.chaos.kinds import KINDS
from tests.support.operator_forks import ROOT

assert tests.chaos.campaign.MODULES


def test_every_kind_of_fault_stands_on_the_page_about_faults():
    page = (ROOT / "docs" / "explanation" / "faults.md").read_text()
    missing = [name for name, kind in KINDS.items() if f"| {name} | {kind.says} |" not in page]
    assert not missing
    assert len([line for line in page.splitlines() if line.startswith("| ")]) - 1 == len(KINDS) >= 30
