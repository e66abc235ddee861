"""How long `explain` says that a job is expected to run, and why: by its own word, by that of its like, or by none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstree.base import duration, moments
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
    from crosstree.core.expect import work_done
    from crosstree.core.runbound import bounded, run_bound, unbounded_in

    known: dict[str, Queue] = {}
    for one in queues:
        try:
            found = translate.queue(one)
        except SpecError:  # the operator goes by the others, too
            continue
        known[found.name] = found
    job = translate.job(raw)
    rest, safe = unbounded_in(known, job), work_done(job)
    expected = bounded(rest, run_bound(job.queue, known))
    return {
        "declared": raw["spec"].get("expectedDuration"),
        "percentOfDeclared": expected.percent_of_declared if raw["spec"].get("expectedDuration") else 100,
        "expected": duration.text(expected.seconds),
        "safe": duration.text(safe) if safe > 0 else None,
        "ended": expected.seconds < rest.seconds,
        "source": expected.source.value,
        "confidence": round(100 * expected.confidence),
    }


def sentence(length: Json) -> str:
    """Say it in one sentence; what is not anybody's word is rounded, as times are."""
    expected = length["expected"]
    guessed = length["source"] == "Learned" or length["percentOfDeclared"] != 100 or length["safe"]
    if guessed and not length["ended"]:
        expected = _rounded(expected)
    if length["source"] == "Bound":
        return f"Nothing is known of how long it runs, but that its queue ends it after {expected}."
    if length["source"] == "Assumed":
        return "Nothing is known of how long it runs: it has no spec.expectedDuration, and no job like it has ended."
    because = _because(length)
    if length["safe"]:
        because += f", and {_rounded(length['safe'], early=True)} of its work is safe"
    rest = " for what is left" if length["safe"] else ""
    if length["ended"]:
        return f"{because}: it is expected to run {expected}{rest}, for its queue ends it then."
    if length["safe"] or (length["source"] == "Declared" and length["percentOfDeclared"] != 100):
        return f"{because}: it is expected to run {expected}{rest}."
    like = "jobs like it did" if length["source"] == "Learned" else "it declares"
    return f"It is expected to run {expected}, as {like}."


def _rounded(text: str, *, early: bool = False) -> str:
    return duration.text(moments.length(duration.parse(text), early=early))


def _because(length: Json) -> str:
    from crosstree.core.expect import LEAST, MOST

    if length["source"] == "Learned":
        return "Jobs like it ran longer" if length["ended"] else "Jobs like it tell how long it runs"
    percent = length["percentOfDeclared"]
    if percent == 100:
        return f"It declares {length['declared']}"
    beyond = {LEAST: " or less", MOST: " or more"}.get(percent, "")
    return f"It declares {length['declared']}, and jobs like it run {percent} %{beyond} of what they declare"
