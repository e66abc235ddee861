"""What a candidate does next, case by case; tests/properties/test_leadership.py has them in every mixture."""

from __future__ import annotations

import pytest

from crosstree.engine.leadership import (
    LONGEST_LEASE,
    RELEASED_SECONDS,
    Claim,
    Look,
    Record,
    Standing,
    StepDown,
    Terms,
    claimed,
    decide,
    leads,
    looks,
    saw,
)

TERMS = Terms(lease=10.0, deadline=7.0, retry=2.0)
OTHER = Record("5", "other", "t", 10.0)


def watching(record: Record | None, *, since: float = 0.0) -> Standing:
    """A candidate that has seen this since then."""
    return saw(Standing("me"), record, TERMS, since)


def leading(*, sent: float = 0.0, heard: float = 0.1) -> Standing:
    """A leader whose claim was sent and confirmed at these times."""
    before = claimed(watching(None, since=sent - 10), "mine", sent)
    return saw(before, Record("6", "me", "mine", 10.0), TERMS, heard)


def claims_at(standing: Standing, now: float) -> bool:
    return decide(standing, TERMS, now) == Claim(0.0, standing.seen)


def test_who_knows_nothing_looks_first() -> None:
    assert decide(Standing("me"), TERMS, 0.0) == Look(0.0)
    assert decide(looks(Standing("me"), 0.0), TERMS, 0.25) == Look(0.75)


@pytest.mark.parametrize(
    "record",
    [OTHER, None, Record("5"), Record("5", "", "t", 10.0), Record("5", "me", "not from this process", 10.0)],
    ids=["held", "none", "empty", "holder taken out by hand", "another process of our name"],
)
def test_a_lease_is_taken_when_it_has_not_changed_for_its_time(record: Record | None) -> None:
    standing = watching(record)
    assert isinstance(decide(standing, TERMS, 9.9), Look)
    assert claims_at(standing, 10.0)


def test_every_change_starts_the_time_anew() -> None:
    standing = saw(watching(OTHER), Record("6", "other", "t2", 10.0), TERMS, 9.0)
    assert isinstance(decide(standing, TERMS, 18.9), Look)
    assert claims_at(standing, 19.0)


def test_what_others_promised_counts_if_it_is_longer_up_to_a_bound() -> None:
    assert not claims_at(watching(Record("5", "other", "t", 30.0)), 29.0)
    assert claims_at(watching(Record("5", "other", "t", 1e9)), LONGEST_LEASE)
    assert not claims_at(watching(Record("5", "other", "t", 1.0)), 9.9)


def test_a_released_lease_is_taken_at_once() -> None:
    assert claims_at(watching(Record("5", "", "t", float(RELEASED_SECONDS))), 0.0)


def test_a_hold_counts_from_when_its_claim_was_sent() -> None:
    standing = leading(sent=0.0, heard=5.0)
    assert leads(standing, TERMS, 6.9)
    assert not leads(standing, TERMS, 7.0)
    assert isinstance(decide(standing, TERMS, 7.0), StepDown)


def test_a_claim_confirmed_too_late_gives_nothing_and_is_made_again() -> None:
    standing = leading(sent=0.0, heard=8.0)
    assert not leads(standing, TERMS, 8.0)
    assert claims_at(standing, 8.0)


def test_a_claim_whose_answer_was_lost_is_recognised_later() -> None:
    standing = claimed(leading(), "second", 2.0)
    standing = saw(standing, Record("7", "me", "second", 10.0), TERMS, 4.0)
    assert leads(standing, TERMS, 8.9)
    assert not leads(standing, TERMS, 9.0)


def test_a_change_that_left_our_claim_alone_changes_nothing() -> None:
    standing = saw(leading(), Record("9", "me", "mine", 10.0), TERMS, 1.0)
    assert decide(standing, TERMS, 2.0) == Claim(0.0, standing.seen)
    assert leads(standing, TERMS, 6.9)


@pytest.mark.parametrize(
    "record",
    [OTHER, Record("9"), Record("9", "me", "a twin's", 10.0)],
    ids=["taken", "emptied", "twin"],
)
def test_a_leader_that_sees_another_claim_steps_down(record: Record) -> None:
    assert isinstance(decide(saw(leading(), record, TERMS, 1.0), TERMS, 1.0), StepDown)


def test_a_leader_makes_a_deleted_lease_again_and_others_wait_for_it() -> None:
    assert decide(saw(leading(), None, TERMS, 2.5), TERMS, 2.5) == Claim(0.0, None)
    assert not claims_at(saw(watching(OTHER), None, TERMS, 2.5), 12.4)


def test_who_has_lost_the_lead_never_gets_it_back() -> None:
    late = claimed(leading(), "second", 6.5)
    standing = saw(late, Record("7", "me", "second", 10.0), TERMS, 20.0)
    assert isinstance(decide(standing, TERMS, 20.0), StepDown)


def test_a_candidate_that_never_hears_an_answer_remembers_a_bounded_number_of_claims() -> None:
    standing = watching(None)
    for second in range(10 * LONGEST_LEASE):
        standing = claimed(standing, f"claim {second}", float(second))
    assert len(standing.claims) <= LONGEST_LEASE + 1
    last = saw(standing, Record("7", "me", f"claim {second}", 10.0), TERMS, float(second))
    assert leads(last, TERMS, float(second))
