"""Changes asked about on the command line of `crosstree simulate --what-if`, from text: horizons, quotas, budgets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crosstree.base import duration
from crosstree.base.errors import SettingsError, SpecError

if TYPE_CHECKING:
    from crosstree.core.edits import Grant
    from crosstree.core.funding import Funding


def seconds(text: str) -> float:
    """Read a horizon: as durations elsewhere, and days.

    Raises:
        SettingsError: it is none.
    """
    days = re.fullmatch(r"(\d+)d", text)
    try:
        return 86_400.0 * int(days[1]) if days else duration.parse(text)
    except SpecError as error:
        raise SettingsError(f"--horizon is {text!r}: {error} Days are written 7d.") from error


def rack(text: str) -> tuple[int, str] | None:
    """Read nodes to add, `8:nvidia-h100-sxm`: how many, and of which model; None if it is the name of a domain.

    Raises:
        SettingsError: they are none.
    """
    found = re.fullmatch(r"(?P<count>[+-]?\d+):(?P<model>.*)", text)
    if found is None:
        return None
    count = int(found["count"])
    if count < 1:
        raise SettingsError(
            f"--add-rack is {text!r}, which is {count} nodes; at least 1 would do: 1:{found['model']}."
        )
    return count, found["model"]


def funding(text: str) -> Funding | None:
    """Read a change of a budget: `team-a=budget=+500`, `team-a=budget=none`; None if it is something else."""
    from crosstree.core.funding import Funding

    found = re.fullmatch(
        r"(?P<queue>[^=:]+)(:(?P<model>[^=]+))?=budget=((?P<more>[+-]\d+(\.\d+)?)|(?P<to>\d+(\.\d+)?|none))",
        text,
    )
    if found is None:
        return None
    queue, model = found["queue"], found["model"] or ""
    if found["more"]:
        return Funding(queue, model, more=float(found["more"]))
    return (
        Funding(queue, model, lifted=True)
        if found["to"] == "none"
        else Funding(queue, model, hours=float(found["to"]))
    )


def grant(text: str) -> Grant:
    """Read a quota change: `team-a=+64`, `team-a:nvidia-h100-sxm=limit=256`, `team-a=limit=none`.

    Raises:
        SettingsError: it is none.
    """
    from crosstree.core.edits import Grant

    found = re.fullmatch(
        r"(?P<queue>[^=:]+)(:(?P<model>[^=]+))?=((?P<more>[+-]\d+)|(?P<what>limit|guaranteed)=(?P<to>\d+|none))",
        text,
    )
    if found is None or (found["what"] == "guaranteed" and found["to"] == "none"):
        raise SettingsError(
            f"--queue is {text!r}; write NAME=+64, NAME=limit=256, NAME=limit=none or NAME=guaranteed=64, or of "
            "accelerator-hours NAME=budget=+500, NAME=budget=2000 or NAME=budget=none; with NAME:MODEL for one model."
        )
    if found["more"]:
        return Grant(found["queue"], found["model"] or "", more=int(found["more"]))
    to = -1 if found["to"] == "none" else int(found["to"])
    limit, guaranteed = (to, None) if found["what"] == "limit" else (None, to)
    return Grant(found["queue"], found["model"] or "", limit=limit, guaranteed=guaranteed)
