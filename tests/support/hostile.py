"""Objects of our kinds as nobody should write them: good ones with something broken, by a seed.

Half of the changes stay near what is legal (another number, another name, a field more or less), so that many
objects pass the schema and reach the operator; the others are plain hostile.
"""

from __future__ import annotations

import copy
import random
from typing import Any

from tests.support.bad_objects import bad_objects, good_objects, good_updates
from tests.support.objects import a_job

Json = dict[str, Any]

NUMBERS = (0, 1, 2, 3, 7, 8, 16, 64, 1000, 100_000, -1, 2**31, 2**53 + 1, 2**63 - 1, 10**30, 0.5, -0.0, 1e308)
TEXTS = (
    "",
    " ",
    "a",
    "leaf",
    "spine",
    "node",
    "default",
    "east",
    "nvidia-h100-sxm",
    "nvidia.com/gpu",
    "huawei-ascend-910b",
    "pytorch",
    "custom",
    "10m",
    "1h30m",
    "-5s",
    "99999999999999999999h",
    "Auto",
    "None",
    "..",
    "../../etc/passwd",
    "{{ .Values.secret }}",
    "$(HOSTNAME)",
    "%s%n",
    "\u0000",
    "\u202eabc",
    "💥" * 20,
    "x" * 300,
    "x" * 70_000,
    "TRUE",
    "1Gi",
    "NaN",
    "null",
    "2026-13-45T99:99:99Z",
    "crosstree.dev/job",
)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    [{}],
    {"a": {"b": {"c": []}}},
    [0] * 500,
)


class Hostile:
    """A source of objects.

    Args:
        seed: The same seed, the same objects.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._count = 0
        bad = [case.bad for case in bad_objects()]
        after = [changed for _, changed in good_updates()]
        jobs = [
            a_job(workers=2, model=None, queue="default", suspend=True),
            a_job(workers=3, topology={"required": "leaf", "groups": {"size": 3, "required": "leaf"}}),
            a_job(workers={"min": 2, "max": 8, "step": 2}, parallelism={"tensor": 8, "pipeline": 2}),
            a_job(workers=1, per_worker=0, model=None, restart={"maxRestarts": 0}, ttlAfterFinished="1h"),
        ]
        self._good = [*good_objects(), *after, *jobs, *jobs]
        self._bases = [*self._good, *self._good, *self._good, *bad]

    def next(self) -> Json:
        """Return the next object; its name is its own, unless that is what was broken."""
        self._count += 1
        made = copy.deepcopy(self._chance.choice(self._bases))
        made["metadata"] = {**made["metadata"], "name": f"hostile-{self._count}"}
        made["metadata"].pop("namespace", None)
        if made["kind"] == "TrainingJob":
            made["metadata"]["namespace"] = "chaos"
        for _ in range(self._chance.choice((0, 1, 1, 1, 2, 3, 6))):
            self._break(made)
        return made

    def _break(self, made: Json) -> None:
        places = _places(made)
        if not places:
            return  # nothing is left to be broken
        holder, key = self._chance.choice(places)
        match self._chance.randrange(8):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[self._chance.choice((*TEXTS[:24], "workers", "template", "status"))] = self._value()
            case 2 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 3 | 4 if isinstance(holder[key], int) and not isinstance(holder[key], bool):
                holder[key] = self._chance.choice(NUMBERS[:9])
            case 5 | 6 if isinstance(holder[key], str):
                holder[key] = self._chance.choice(TEXTS[:16])
            case _:
                holder[key] = self._value()

    def _value(self) -> Any:
        return copy.deepcopy(self._chance.choice(self._chance.choice((NUMBERS, TEXTS, OTHERS))))


def _places(made: Any) -> list[tuple[Any, Any]]:
    """Return every place of a spec, and `metadata` beside it, as (holder, key)."""
    found: list[tuple[Any, Any]] = []
    rest = [made.get("spec"), made.get("metadata")]
    found += [(made, "spec")] if "spec" in made else []
    while rest:
        holder = rest.pop()
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else range(len(holder))
            if isinstance(holder, list)
            else ()
        )
        for key in keys:
            if holder is made.get("metadata") and key in ("name", "namespace"):
                continue
            found.append((holder, key))
            rest.append(holder[key])
    return found
