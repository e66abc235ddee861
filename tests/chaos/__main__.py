"""`python -m tests.chaos campaign|kills|fuzz`: the long forms of the tests in this folder. `make chaos` runs them.

Every run prints its seed; the same seed plays the same faults in the same order again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tests.chaos.campaign import Round, finale, play
from tests.chaos.fuzz import Fuzz, fuzz
from tests.chaos.kills import Toll, kill_many
from tests.chaos.kinds import KINDS, Kind
from tests.chaos.stage import staged

SHOWN = 12
"""Breaches printed of one round."""


def main() -> int:
    """Play what was asked for; return 1 if a guarantee was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("what", choices=("campaign", "kills", "fuzz"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=10.0, help="of a campaign")
    parser.add_argument("--at-once", type=int, default=3, help="most kinds of faults at a time")
    parser.add_argument("--together", action="store_true", help="several kinds at a time from the start on")
    parser.add_argument("--kinds", default="", help="only kinds whose name contains this")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--gangs", type=int, default=300)
    parser.add_argument("--objects", type=int, default=10_000)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    _say(f"seed {asked.seed}; logs in {folder}")
    played = {"campaign": _campaign, "kills": _kills, "fuzz": _fuzz}[asked.what](asked, folder)
    _say(f"{'all guarantees held' if played else 'GUARANTEES WERE BROKEN'}; seed {asked.seed}")
    return 0 if played else 1


def _campaign(asked: argparse.Namespace, folder: Path) -> bool:
    """First every kind alone, then several at a time, until the time is up."""
    chance = random.Random(asked.seed)
    kinds = [kind for name, kind in sorted(KINDS.items()) if asked.kinds in name]
    until = time.monotonic() + asked.minutes * 60
    rounds: list[Round] = []
    chance.shuffle(kinds)
    with staged(folder, asked.seed) as stage:
        stage.stand()
        while time.monotonic() < until:
            alone = len(rounds) < len(kinds) and not asked.together
            together = [kinds[len(rounds)]] if alone else _some(chance, kinds, asked.at_once)
            rounds.append(play(stage, together, seconds=None if alone else chance.uniform(0.5, 6.0)))
            _tell(rounds[-1])
        rounds.append(finale(stage))
        _tell(rounds[-1])
    _table(rounds)
    return not any(one.breaches for one in rounds)


def _some(chance: random.Random, kinds: list[Kind], most: int) -> list[Kind]:
    """Choose several kinds, one of a group at most: two killings of the same thing are one."""
    chosen = chance.sample(kinds, min(len(kinds), chance.randint(2, max(2, most))))
    return list({kind.name.split("/")[0]: kind for kind in chosen}.values())


def _tell(one: Round) -> None:
    verdict = "BROKEN" if one.breaches else "ok"
    _say(
        f"{verdict:7}{one.seconds:6.1f} s, well after {one.healed:5.1f} s, {one.restarts} restarts: {one.name}"
    )
    for breach in one.breaches[:SHOWN]:
        _say(f"       {breach}")


def _table(rounds: list[Round]) -> None:
    """Print, group by group, how often each was on, how long healing took, and what was wrong."""
    groups: dict[str, list[Round]] = defaultdict(list)
    for one in rounds:
        for kind in one.kinds:
            groups[kind.name].append(one)
    _say(f"{'kind':34}{'rounds':>7}{'gangs':>7}{'healed, worst':>15}{'broken':>8}")
    for name, ones in sorted(groups.items()):
        worst = max(one.healed for one in ones)
        gangs = sum(one.gangs for one in ones)
        _say(f"{name:34}{len(ones):7}{gangs:7}{worst:13.1f} s{sum(bool(one.breaches) for one in ones):8}")


def _kills(asked: argparse.Namespace, folder: Path) -> bool:
    def tell(toll: Toll) -> None:
        if toll.kills % 25 == 0:
            _say(
                f"{toll.kills} of {asked.kills} kills, {toll.gangs} of {asked.gangs} gangs, {toll.seconds:.0f} s"
            )

    with staged(folder, asked.seed) as stage:
        toll = kill_many(stage, asked.kills, asked.gangs, tell)
    _say(
        f"{toll.kills} kills, {toll.at_writes} of them at a write; {toll.harmed} workers ended; {toll.gangs} gangs "
        f"succeeded; {toll.changes} changes observed; {toll.seconds:.0f} s; {len(toll.breaches)} breaches"
    )
    for breach in toll.breaches[:SHOWN]:
        _say(f"  {breach}")
    return not toll.breaches


def _fuzz(asked: argparse.Namespace, folder: Path) -> bool:
    def tell(so_far: Fuzz) -> None:
        _say(f"{so_far.sent} of {asked.objects} objects, {so_far.accepted} accepted, {so_far.seconds:.0f} s")

    with staged(folder, asked.seed) as stage:
        done = fuzz(stage, asked.objects, asked.seed, tell)
    _say(
        f"{done.sent} objects: {done.refused} refused with a sentence, {done.accepted} accepted; "
        f"{done.seconds:.0f} s; {len(done.breaches)} breaches"
    )
    for breach in done.breaches[:SHOWN]:
        _say(f"  {breach}")
    return not done.breaches


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
