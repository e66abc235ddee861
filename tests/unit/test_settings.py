"""Settings that can't work are refused in one sentence, before anything starts."""

from __future__ import annotations

import pytest

from crosstree.base.errors import SettingsError
from crosstree.settings import checked


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"renew_deadline": 9.0}, "renew_deadline 9 is more than 0.8 of lease_seconds 10"),
        ({"retry_seconds": 4.0}, "retry_seconds 4 is more than half of renew_deadline 7"),
        ({"lease_seconds": 1000}, "lease_seconds is 1000"),
        ({"identity": "a\r\nX-Header: b"}, "identity is"),
        ({"lease_name": "Not A Name"}, "lease_name is 'Not A Name'"),
    ],
)
def test_an_election_that_could_not_be_safe_is_refused(said: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as told:
        checked(said)
    assert words in str(told.value)
    assert "Value error" not in str(told.value)


def test_leader_election_is_off_unless_asked_for() -> None:
    assert not checked({}).leader_election
    assert checked({"leader_election": "true"}).leader_election
