"""From the signals of a node to what may be done with it: pure, and the same after a restart of the operator.

A signal counts for placing at once and for running work after its grace. One that has gone is still avoided until
it has been gone for the settle period, so that a node whose trouble comes and goes gets no work in between. Both
periods are counted from the time the producer itself gives, so nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crosstree.core.health import MESSAGE, Action, Fault, HealthPolicy, HealthRule, Signal
from crosstree.core.snapshot import NodeState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a node.

    Attributes:
        state: USABLE, AVOIDED or UNHEALTHY.
        since: When that began, seconds since the epoch; 0 where it is usable.
        faults: What something is done about, the worst first.
        again: When time alone will change this; None if never.
    """

    state: NodeState = NodeState.USABLE
    since: float = 0.0
    faults: tuple[Fault, ...] = ()
    again: float | None = None


WELL = Verdict()

_MEMO = 4096
"""Meanings remembered by a rulebook. A cluster has some dozens; the bound guards against reasons made up for ever."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a signal means, but for its time."""

    action: Action
    grace: float
    settling: bool = False


class Rulebook:
    """The rules of a policy and those of the catalog behind it, found by the name of a signal.

    Args:
        policy: Its rules are asked first, in their order.
        catalog: Asked where none of them speaks of a signal.
    """

    __slots__ = ("_meanings", "_rules", "policy")

    def __init__(self, policy: HealthPolicy, catalog: Iterable[HealthRule]) -> None:
        self.policy = policy
        self._rules: dict[str, list[HealthRule]] = {}
        for rule in (*policy.rules, *catalog):
            self._rules.setdefault(rule.condition, []).append(rule)
        self._meanings: dict[tuple[str, str, str], _Meaning | None] = {}

    def judge(self, signals: Sequence[Signal], now: float) -> Verdict:
        """Return what becomes of a node that these signals speak of. O(signals), nothing for those without a rule."""
        faults = [
            fault
            for signal in signals
            if signal.name in self._rules and (fault := self._fault(signal, now)) is not None
        ]
        if not faults:
            return WELL
        faults.sort(key=lambda fault: (-fault.action.severity, fault.settling, fault.since, fault.signal))
        settled = [fault.since + self.policy.settle for fault in faults if fault.settling]
        leave = leaving(faults)
        if leave is not None:
            state, since = NodeState.UNHEALTHY, leave.since
        else:
            kept_away = [fault.since for fault in faults if _closes_node(fault)]
            state = NodeState.AVOIDED if kept_away else NodeState.USABLE
            since = min(kept_away, default=0.0)
        return Verdict(state, since, tuple(faults), min(settled, default=None))

    def _fault(self, signal: Signal, now: float) -> Fault | None:
        asked = signal.name, signal.status, signal.reason
        if asked in self._meanings:
            meaning = self._meanings[asked]
        else:
            if len(self._meanings) >= _MEMO:
                self._meanings.clear()
            meaning = self._meanings[asked] = self._meaning(signal)
        if meaning is None:
            return None
        # What was there when we came and names no time counts from then on, but it is no news: nothing settles
        # after it, and no process is restarted for it, which would be so again with every start of ours.
        news = meaning.settling or meaning.action is Action.RESTART_POD
        since = 0.0 if signal.standing and news else signal.since
        if meaning.settling and now >= since + self.policy.settle:
            return None
        return Fault(
            signal.name,
            meaning.action,
            since,
            self._gone if meaning.settling else said(signal),
            meaning.grace,
            meaning.settling,
            signal.resource,
            signal.devices,
            signal.reason,
        )

    def _meaning(self, signal: Signal) -> _Meaning | None:
        """Say what a signal of this name, status and reason means, whenever it began."""
        rules = self._rules[signal.name]
        rule = next((one for one in rules if _fits(one, signal)), None)
        if rule is not None:
            grace = self.policy.grace if rule.grace is None else rule.grace
            return None if rule.action is Action.IGNORE else _Meaning(rule.action, grace)
        # It is well now. What it was before is unknown, but for when it changed.
        others = [one for one in rules if one.status != signal.status]
        before = next(
            (one for one in others if one.reason in ("", signal.reason)), others[0] if others else None
        )
        if before is None or before.action in (Action.IGNORE, Action.RESTART_POD):
            return None
        return _Meaning(Action.AVOID, 0.0, settling=True)

    @property
    def _gone(self) -> str:
        return f"gone; new work again when it has been gone for {self.policy.settle:.0f} s"


def _fits(rule: HealthRule, signal: Signal) -> bool:
    return rule.status == signal.status and rule.reason in ("", signal.reason)


def _closes_node(fault: Fault) -> bool:
    """Tell whether the whole node takes no new work; where devices are named, only they are left out."""
    return fault.action in (Action.AVOID, Action.DRAIN_DEVICE, Action.DRAIN_NODE) and not fault.devices


def leaving(faults: Iterable[Fault]) -> Fault | None:
    """Return the fault for which running work leaves the node first, or None."""
    draining = [fault for fault in faults if fault.action is Action.DRAIN_NODE and not fault.settling]
    return min(draining, key=lambda fault: (fault.due, fault.signal), default=None)


def overlaid(state: NodeState, since: float, verdict: Verdict) -> tuple[NodeState, float]:
    """Join what the node is by itself (ready, cordoned) with the verdict, the worse first.

    Lost beats unhealthy beats cordoned beats avoided: what costs a running job its node comes first, and an
    admin's cordon says more than a producer's doubt.
    """
    if state is NodeState.NOT_READY:
        return state, since
    if verdict.state is NodeState.UNHEALTHY or state is NodeState.USABLE:
        return (verdict.state, verdict.since) if verdict.state is not NodeState.USABLE else (state, since)
    return state, since


def withheld(faults: Iterable[Fault]) -> Mapping[str, frozenset[str]]:
    """Return the devices that take no new work, by resource."""
    return _devices(fault for fault in faults if fault.action is not Action.RESTART_POD)


def drained(faults: Iterable[Fault]) -> Mapping[str, frozenset[str]]:
    """Return the devices that running work has to give up, by resource."""
    return _devices(fault for fault in faults if fault.action is Action.DRAIN_DEVICE and not fault.settling)


def _devices(faults: Iterable[Fault]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for fault in faults:
        if fault.devices:
            found[fault.resource] = found.get(fault.resource, frozenset()) | frozenset(fault.devices)
    return found


def said(signal: Signal) -> str:
    """Return what the producer says, on one line and bounded; its reason where it says nothing else."""
    words = " ".join((signal.message or signal.reason).split())
    return words if len(words) <= MESSAGE else words[: MESSAGE - 1] + "…"
