"""The data file of health signals: what each means, and that a broken file is refused with a sentence."""

from __future__ import annotations

import pytest

from crosstree.base.errors import SpecError
from crosstree.catalog.load import load
from crosstree.catalog.signals import health
from crosstree.core.health import Action, HealthRule


def test_polarity_is_the_producers_own() -> None:
    faulty = {one.rule.condition: one.rule.status for one in load().health}
    assert faulty["NeuronHealth"] == "True"
    assert faulty["AcceleratedHardwareReady"] == "False"
    assert faulty["GpuNvlinkWatch"] == "True"


def test_rules_for_a_reason_come_before_those_for_any() -> None:
    rules = [rule for rule in load().health_rules if rule.condition == "CardUnhealthy"]
    assert HealthRule("CardUnhealthy", "True", Action.AVOID, "PreSeparateNPU") in rules
    assert rules[-1] == HealthRule("CardUnhealthy", "True", Action.DRAIN_DEVICE)


def test_every_signal_says_who_sends_it_and_where_that_is_written() -> None:
    assert all(one.producer and one.source for one in load().health)


@pytest.mark.parametrize(
    ("producer", "says"),
    [
        ("faulty: true, actions: {Avoid: [A]}", "faulty is True; write a non-empty text"),
        ("faulty: Yes, actions: {Avoid: [A]}", "faulty is True; write a non-empty text"),
        ("faulty: 'Yes', actions: {Avoid: [A]}", "faulty is 'Yes'; write 'True' or 'False', quoted"),
        ("faulty: 'True'", "actions is {}; write a mapping of Ignore, Avoid, RestartPod"),
        ("faulty: 'True', actions: {Reboot: [A]}", "'Reboot' is not a field; known are Ignore, Avoid"),
        (
            "faulty: 'True', actions: {Avoid: [A], DrainNode: [A]}",
            r"\['A', ''\]; each signal has one meaning",
        ),
        (
            "faulty: 'True', actions: {Avoid: [A]}, reasons: {B: {Avoid: [R]}}",
            "write a mapping of types listed",
        ),
        ("faulty: 'True', actions: {Avoid: [A]}, reasons: {A: [R]}", "write a mapping of Ignore, Avoid"),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence(producer: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        health("_health.yaml", f"producers: [{{producer: p, source: s, {producer}}}]")
