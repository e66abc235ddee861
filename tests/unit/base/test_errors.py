"""One tree of errors."""

from __future__ import annotations

import pytest

from crosstree.base import errors


@pytest.mark.parametrize("kind", [errors.Conflict, errors.Expired, errors.Throttled, errors.Unavailable])
def test_what_may_pass_by_itself_is_retryable(kind: type[errors.ApiError]) -> None:
    assert kind("the server said so").retryable


@pytest.mark.parametrize("kind", [errors.NotFound, errors.AlreadyExists, errors.Refused, errors.ApiError])
def test_what_somebody_must_change_is_not_retryable(kind: type[errors.ApiError]) -> None:
    assert not kind("the server said so").retryable


@pytest.mark.parametrize("kind", [errors.SpecError, errors.SettingsError, errors.ShapeError])
def test_errors_of_people_and_of_ours_are_never_retried(kind: type[errors.CrosstreeError]) -> None:
    assert not kind("no").retryable


def test_every_error_can_be_caught_at_the_root() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) >= 12
    assert all(issubclass(kind, errors.CrosstreeError) for kind in kinds)


def test_the_tree_in_the_module_docstring_names_every_class() -> None:
    names = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert {name for name in names if name not in (errors.__doc__ or "")} == set()


def test_an_api_error_without_an_answer_has_status_zero() -> None:
    assert errors.Unavailable("connection refused").status == 0


def test_throttling_says_how_long() -> None:
    assert errors.Throttled("slow down", retry_after=7.0).retry_after == 7.0
    assert errors.Throttled("slow down").status == 429
