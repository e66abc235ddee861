"""How long `explain` says that a job is expected to run, and why: by its own word, by that of its like, or by none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstree.base import duration
from crosstree.base.errors import Refused, SpecError
from crosstree.cli.access import OURS, Json, listed

if TYPE_CHECKING:
    from crosstree.adapters.client import Api
    from crosstree.core.cluster import Queue


async def length_of(api: Api, raw: Json) -> Json | None:
    """Work out how long a job runs, by what its queue has learned; None if its queue may not be read."""
    try:
        return length_in(await listed(api, f"{OURS}/jobqueues"), raw)
    except (Refused, SpecError):
        return None


def length_in(queues: list[Json], raw: Json) -> Json:
    """Return how long a job is expected to run, as plain values.

    Args:
        queues: JobQueues as the API server has them.
        raw: The TrainingJob, likewise.

    Raises:
        SpecError: the job can't be understood.
    """
    from crosstree import translate
    from crosstree.core.runbound import expected_in

    known: dict[str, Queue] = {}
    for one in queues:
        try:
            found = translate.queue(one)
        except SpecError:  # the operator goes by the others, too
            continue
        known[found.name] = found
    expected = expected_in(known, translate.job(raw))
    return {
        "declared": raw["spec"].get("expectedDuration"),
        "percentOfDeclared": expected.percent_of_declared if raw["spec"].get("expectedDuration") else 100,
        "expected": duration.text(expected.seconds),
        "source": expected.source.value,
        "confidence": round(100 * expected.confidence),
    }


def sentence(length: Json) -> str:
    """Say it in one sentence."""
    expected, percent = length["expected"], length["percentOfDeclared"]
    if length["source"] == "Bound":
        return f"Nothing is known of how long it runs, but that its queue ends it after {expected}."
    if length["source"] == "Assumed":
        return "Nothing is known of how long it runs: it has no spec.expectedDuration, and no job like it has ended."
    if length["source"] == "Learned":
        return f"It is expected to run {expected}, as jobs like it did."
    if percent == 100:
        return f"It is expected to run {expected}, as it declares."
    return (
        f"It declares {length['declared']}, and jobs like it run {percent} % of what they declare: "
        f"it is expected to run {expected}."
    )
