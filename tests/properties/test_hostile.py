"""What the schema would refuse may still lie in a store, from an older version: reading it raises SpecError at most."""

from __future__ import annotations

from typing import Any

from crosstree import translate
from crosstree.base.errors import SpecError
from tests.support.hostile import Hostile

OBJECTS = 10_000
READ = {
    "AICluster": translate.cluster,
    "AcceleratorPool": translate.pool,
    "JobQueue": translate.queue,
    "TrainingJob": translate.job,
}


def stored(number: int, raw: dict[str, Any]) -> dict[str, Any]:
    """Return an object as the API server would have stored it."""
    meta = raw["metadata"] if isinstance(raw.get("metadata"), dict) else {}
    server = {
        "uid": f"u{number}",
        "resourceVersion": str(number + 1),
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {**raw, "metadata": {**meta, **server}}


def test_ten_thousand_hostile_objects_are_read_or_refused_in_words():
    hostile = Hostile(seed=4)
    read = refused = 0
    for number in range(OBJECTS):
        raw = stored(number, hostile.next())
        try:
            READ[raw["kind"]](raw)
            read += 1
        except SpecError as error:
            refused += bool(str(error).strip())
    assert read + refused == OBJECTS, "a refusal without a word"
    assert min(read, refused) > OBJECTS / 10
