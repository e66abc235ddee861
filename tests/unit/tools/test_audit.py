"""What an audit says of a pinned package: fine, known to be vulnerable, allowed for a while, or unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tools.audit import ALLOWED, Allowed, allowances, judge
from tools.image.facts import ImageError

TODAY = date(2026, 6, 1)
FOUND = {"id": "PYSEC-2026-7", "aliases": ["CVE-2026-1"], "fix_versions": ["3.15"]}


def a_package(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"name": "aiohttp", "version": "3.14.5", "vulns": list(vulnerabilities)}


def allowed(until: date, **other: str) -> Allowed:
    return Allowed(
        **{"id": "CVE-2026-1", "package": "aiohttp", "reason": "No forms are parsed.", **other}, expires=until
    )


def test_a_package_with_nothing_known_against_it_passes() -> None:
    verdict = judge([a_package()], [], TODAY)
    assert verdict.passed and verdict.checked == 1 and not verdict.unanswered


def test_a_known_vulnerability_fails_and_names_the_version_that_fixes_it() -> None:
    verdict = judge([a_package(FOUND)], [], TODAY)
    assert not verdict.passed
    assert verdict.refused[0].startswith("aiohttp 3.14.5: PYSEC-2026-7, fixed in 3.15.")


def test_an_allowed_vulnerability_passes_under_any_of_its_names_until_its_day() -> None:
    assert judge([a_package(FOUND)], [allowed(date(2026, 6, 2))], TODAY).passed
    assert not judge([a_package(FOUND)], [allowed(TODAY)], TODAY).passed
    assert not judge([a_package(FOUND)], [allowed(date(2027, 1, 1), package="kopf")], TODAY).passed


def test_a_package_that_no_service_knows_is_not_called_safe() -> None:
    verdict = judge([{"name": "kopf", "skip_reason": "Dependency not found"}], [], TODAY)
    assert verdict.checked == 0 and verdict.unanswered == ["kopf"]


def test_an_allowance_without_a_day_or_a_reason_is_refused() -> None:
    with pytest.raises(ImageError, match=r"entry 1 is .* it needs id, package, reason, expires"):
        allowances('[[allow]]\nid = "CVE-2026-1"\npackage = "aiohttp"\nreason = "later"\n')
    with pytest.raises(ImageError, match="entry 1"):
        allowances('[[allow]]\nid = "CVE-1"\npackage = "aiohttp"\nreason = " "\nexpires = 2026-01-01\n')


def test_the_allow_list_of_this_repository_can_be_read() -> None:
    assert all(entry.reason for entry in allowances(ALLOWED.read_text()))
