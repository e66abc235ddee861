"""The picture of a replay: how full the cluster was, how long the line was, and who waited how long."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from crosstree.sim.replay import Outcome

mpl.use("Agg")  # a file, on machines without a screen

DAY = 86_400.0


def draw(path: Path, outcome: Outcome, *, title: str) -> Path:
    """Draw a replay into a PNG file and return its path."""
    from matplotlib.figure import Figure

    samples = np.array(outcome.books.samples, np.float64).reshape(-1, 5)
    days, used, usable, waiting, asked = samples.T
    days = days / DAY
    figure = Figure(figsize=(11, 9), layout="constrained")
    full, line, waits = figure.subplots(3, 1)
    full.fill_between(days, used, step="post", color="#4c956c", label="held", linewidth=0)
    full.plot(days, usable, color="#333333", linewidth=0.8, label="usable")
    full.set(ylabel="accelerators", title=title, ylim=(0, None))
    full.legend(loc="lower right")
    line.plot(days, waiting, color="#bc4749", linewidth=0.8, label="jobs waiting")
    line.set(ylabel="jobs", ylim=(0, None))
    beside = line.twinx()
    beside.plot(days, asked, color="#6a7fdb", linewidth=0.8, label="accelerators they ask for")
    beside.set(ylabel="accelerators", ylim=(0, None))
    lines = [*line.get_lines(), *beside.get_lines()]
    line.legend(lines, [str(one.get_label()) for one in lines], loc="upper right")
    line.sharex(full)
    line.set_xlabel("days")
    jobs, books = outcome.scenario.jobs, outcome.books
    started = np.isfinite(books.began)
    sizes, seconds = jobs.accelerators[started], np.maximum(books.waited[started], 1.0)
    waits.scatter(sizes, seconds, s=6, alpha=0.35, color="#333333", linewidth=0)
    waits.set(xscale="log", yscale="log", xlabel="accelerators of the gang", ylabel="seconds in line")
    figure.savefig(path, dpi=110)
    return path
