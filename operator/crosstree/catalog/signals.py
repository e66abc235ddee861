"""The data file of health signals to rules, as strictly as the rows of accelerators are read."""

from __future__ import annotations

from collections.abc import Iterator

from crosstree.catalog.read import Fields, document
from crosstree.catalog.rows import ConditionRule
from crosstree.core.health import Action, HealthRule

FIELDS = ("producer", "vendor", "faulty", "actions", "reasons", "source")
ACTIONS = tuple(action.value for action in Action)


def health(file: str, text: str) -> tuple[ConditionRule, ...]:
    """Read what producers report: by producer, with the status that means trouble and the action for each signal.

    Raises:
        SpecError: a field is unknown, missing or of the wrong form, or a signal is there twice.
    """
    head = Fields(document(file, text), file, ("producers",))
    done: list[ConditionRule] = []
    for number, raw in enumerate(head.items("producers"), start=1):
        done += _producer(Fields(raw, f"{file}: producer {number}", FIELDS))
    seen: set[tuple[str, str]] = set()
    for one in done:
        signal = one.rule.condition, one.rule.reason
        if signal in seen:
            raise head.wrong("actions", list(signal), "each signal has one meaning; keep one.")
        seen.add(signal)
    return tuple(sorted(done, key=lambda one: not one.rule.reason))


def _producer(fields: Fields) -> Iterator[ConditionRule]:
    faulty = fields.text("faulty")
    if faulty not in ("True", "False"):
        raise fields.wrong("faulty", faulty, "write 'True' or 'False', quoted: the status that means broken.")
    producer, vendor, source = fields.text("producer"), fields.text("vendor", ""), fields.text("source")
    types: set[str] = set()
    for action, name in _by_action(fields, "actions"):
        types.add(name)
        yield ConditionRule(HealthRule(name, faulty, action), producer, vendor, source)
    reasons = fields.raw.get("reasons", {})
    if not isinstance(reasons, dict) or not reasons.keys() <= types:
        raise fields.wrong("reasons", reasons, "write a mapping of types listed in actions.")
    by_type = Fields(reasons, f"{fields.where}: reasons", tuple(sorted(types)))
    for name in reasons:
        for action, reason in _by_action(by_type, str(name)):
            yield ConditionRule(HealthRule(str(name), faulty, action, reason), producer, vendor, source)


def _by_action(fields: Fields, name: str) -> Iterator[tuple[Action, str]]:
    """Yield (action, text) of a mapping of actions to lists."""
    found = fields.raw.get(name, {})
    if not isinstance(found, dict) or not found:
        raise fields.wrong(name, found, f"write a mapping of {', '.join(ACTIONS)} to lists.")
    inner = Fields(found, f"{fields.where}: {name}", ACTIONS)
    for action in found:
        for text in inner.texts(str(action)):
            yield Action(action), text
