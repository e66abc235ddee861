"""Options of `crosstree simulate` that would be ignored, and numbers that nothing can be simulated with."""

from __future__ import annotations

import math
from typing import Any, get_type_hints

import pytest
import typer

from crosstree.base.errors import SettingsError
from crosstree.cli.main import app
from crosstree.cli.simulate import simulate
from crosstree.cli.simulate_rules import ASKING, CHANGES, EITHER, NUMBERS, check, flag
from crosstree.cli.what_if_options import PANEL


def parameters() -> dict[str, Any]:
    """Return the parameters of the verb as its parser knows them."""
    verbs: Any = typer.main.get_command(app)
    return {one.name: one for one in verbs.commands["simulate"].params if one.name != "help"}


def test_every_name_in_the_tables_is_an_option_and_every_number_has_a_rule() -> None:
    known = parameters()
    assert {*ASKING, *EITHER, *CHANGES, *NUMBERS} <= set(known)
    kinds = get_type_hints(simulate)
    assert {name for name in known if kinds[name] in (float, float | None)} == set(NUMBERS)
    assert {name for name, one in known.items() if getattr(one, "rich_help_panel", None) == PANEL} <= {
        *ASKING,
        "what_if",
    }


@pytest.mark.parametrize("name", ASKING)
def test_an_option_of_what_if_alone_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{flag(name)} means something only with --what-if"):
        check((name,), {"what_if": False})
    check((name,), {"what_if": True})


def test_every_other_option_is_refused_with_what_if() -> None:
    for name in parameters().keys() - {*ASKING, *EITHER, "what_if"}:
        with pytest.raises(SettingsError, match=f"^{flag(name)} and --what-if exclude each other"):
            check((name,), {"what_if": True})
        check((name,), {"what_if": False})


@pytest.mark.parametrize("name", CHANGES)
def test_a_replay_of_a_snapshot_is_asked_about_no_change(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{flag(name)} and --replay exclude each other"):
        check((name,), {"what_if": True, "replay": True})


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_refused_and_infinity_where_it_has_no_meaning(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{flag(name)} nan is not a .*{NUMBERS[name].what}; write "):
        check((), {name: math.nan})
    if name in ("days", "checkpoint", "repair"):
        check((), {name: math.inf})
    else:
        with pytest.raises(SettingsError, match=f"^{flag(name)} inf is not a finite"):
            check((), {name: math.inf})
