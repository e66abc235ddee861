"""`make demo`: a mixed fleet, a dozen jobs and more, a lost node, and a table of what happened.

Everything is started here and stopped at the end, whatever happens. If KUBECONFIG names a cluster that has simulated
nodes and no others (`make cluster-up` starts one), that cluster is used; any other is left alone. The exit code is 0
only if all that was promised did happen.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

# Run as a script, the folder above is where `demo` and `localcluster` are.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import yaml

from crosstree.base.errors import CrosstreeError
from demo.audit import Audit
from demo.jobs import (
    BORROWS,
    IMPOSSIBLE,
    JOBS,
    LOSS_AFTER,
    NAMESPACE,
    OWNS,
    QUEUES,
    RECOVERS,
    RESERVES,
    VENDORS,
    manifest,
)
from demo.report import Report
from demo.stage import HERE, Stage, crosstree, stage
from demo.story import JOBS as PATH
from demo.story import Story
from localcluster.errors import LocalClusterError
from localcluster.faults import NodeFailure, fail_node, heal_node
from localcluster.progress import Lines

POOLS_WITHIN = 30.0
SOON = 20.0
DONE_WITHIN = 120.0


def main() -> int:
    """Play the demo; 0 if every promise held."""
    argparse.ArgumentParser(prog="make demo", description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    begun = time.monotonic()
    try:
        with stage(Lines(out=sys.stdout)) as made, Audit(made.api) as audit:
            story = play(made, report)
            report.audited(audit)
            report.table(story)
    except KeyboardInterrupt:
        report.say("stopped; everything that was started has been taken down again")
        return 130
    except (LocalClusterError, CrosstreeError, RuntimeError) as error:
        report.say(f"the demo could not go on: {error}", style="bold red")
        return 1
    return report.verdict(time.monotonic() - begun)


def play(made: Stage, report: Report) -> Story:
    """Submit the jobs, take a node away, and watch until everything has ended."""
    api = made.api
    api.post("/apis/crosstree.dev/v1alpha1/aiclusters", yaml.safe_load((HERE / "aicluster.yaml").read_text()))
    for name, spec in QUEUES.items():
        body = {
            "apiVersion": "crosstree.dev/v1alpha1",
            "kind": "JobQueue",
            "metadata": {"name": name},
            "spec": spec,
        }
        api.post("/apis/crosstree.dev/v1alpha1/jobqueues", body)
    api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    _wait_for_pools(made, report)
    report.heading(f"The cluster: {made.nodes} simulated nodes, found and sorted into pools by the operator")
    report.show(crosstree(made.kubeconfig, "status", "demo"))

    report.heading(
        f"{len(JOBS)} TrainingJobs for accelerators of {len(VENDORS)} vendors, handed in within seconds"
    )
    story = Story(api, report.line)
    waiting = sorted(JOBS, key=lambda job: job.later)
    while waiting:
        due = [job for job in waiting if job.later <= story.now]
        for job in due:
            api.post(PATH, manifest(job))
            story.submitted(job.name)
        waiting = [job for job in waiting if job not in due]
        time.sleep(0.1)
        story.look()

    _reserve(made, report, story)
    lost = _lose_a_node(made, report, story)
    _take_back(made, report, story)
    finish = {job.name for job in JOBS} - {IMPOSSIBLE}
    ended = story.until(
        lambda: all(story.lives[name].phase in ("Succeeded", "Failed") for name in finish),
        DONE_WITHIN,
        made.operator.check,
    )
    if lost:
        heal_node(api, lost)
    report.heading(f"Why does {IMPOSSIBLE} not start?  $ crosstree explain {NAMESPACE}/{IMPOSSIBLE}")
    report.show(crosstree(made.kubeconfig, "explain", f"{NAMESPACE}/{IMPOSSIBLE}"))

    report.promise(f"every job but {IMPOSSIBLE} ended within {DONE_WITHIN:.0f} s", kept=ended)
    for name in sorted(finish):
        report.promise(f"{name} succeeded", kept=story.lives[name].phase == "Succeeded")
    again, never = story.lives[RECOVERS], story.lives[IMPOSSIBLE]
    stopped = [name for name in BORROWS if int(story.lives[name].status.get("attempt", 0)) > 1]
    report.promise(f"one of {' and '.join(BORROWS)} made room, and ran again", kept=len(stopped) == 1)
    report.promise(f"{RECOVERS} lost its node and ran again", kept=int(again.status.get("attempt", 0)) >= 2)
    report.promise(
        f"{RECOVERS} ended on other nodes than the lost one", kept=bool(lost) and lost not in again.nodes
    )
    reason = (never.status.get("waiting") or {}).get("reason")
    report.promise(
        f"{IMPOSSIBLE} waits and says why ({reason})", kept=never.phase == "Pending" and bool(reason)
    )
    return story


def _wait_for_pools(made: Stage, report: Report) -> None:
    """Wait until the AICluster shows every accelerator."""
    deadline = time.monotonic() + POOLS_WITHIN
    while time.monotonic() < deadline:
        made.operator.check()
        status = made.api.get("/apis/crosstree.dev/v1alpha1/aiclusters/demo").get("status", {})
        conditions = {c["type"]: c["status"] for c in status.get("conditions", ())}
        if conditions.get("Ready") == "True" and status.get("pools"):
            return
        time.sleep(0.1)
    report.promise(f"the AICluster was ready within {POOLS_WITHIN:.0f} s", kept=False)


def _reserve(made: Stage, report: Report, story: Story) -> None:
    """Show when a job that waits will start, as the operator has worked it out."""
    life = story.lives[RESERVES]
    story.until(lambda: bool(life.status.get("expectedStart") or life.placed), SOON, made.operator.check)
    start, sure = (
        life.status.get("expectedStart", ""),
        (life.status.get("forecast") or {}).get("confidence", 0),
    )
    report.promise(f"{RESERVES} said when it would start", kept=bool(start))
    report.heading(f"{RESERVES} has nodes reserved: it is expected to start at {start}, {sure} % sure")


def _take_back(made: Stage, report: Report, story: Story) -> None:
    """Watch a queue take back what another one has borrowed."""
    owner = story.lives[OWNS]
    runs = story.until(lambda: owner.placed is not None, SOON, made.operator.check)
    report.promise(f"{OWNS} got what its queue is guaranteed within {SOON:.0f} s", kept=runs)
    report.heading("Queue chemistry has taken back what it is guaranteed  $ crosstree queues")
    report.show(crosstree(made.kubeconfig, "queues"))


def _lose_a_node(made: Stage, report: Report, story: Story) -> str:
    """Let one node of a running job fail; returns its name, empty if the job never ran."""
    life = story.lives[RECOVERS]
    if not story.until(lambda: life.phase == "Running", 40, made.operator.check):
        report.promise(f"{RECOVERS} was running within 40 s", kept=False)
        return ""
    story.until(lambda: False, LOSS_AFTER, made.operator.check)
    node = life.nodes[len(life.nodes) // 2]
    report.heading(f"Node {node} goes dark, with a worker of {RECOVERS} on it")
    fail_node(made.api, node, NodeFailure.UNREACHABLE)
    return node


if __name__ == "__main__":
    sys.exit(main())
