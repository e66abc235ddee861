"""The stage of a fault campaign: a local cluster, an operator behind a faulty proxy, gangs that come and go, and
an observer."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import localcluster
from crosstree.base.names import API_VERSION, LABEL_INDEX, LABEL_JOB
from localcluster import Api, ApiError, faults
from localcluster.fleet import Fleet
from tests.support.faulty_proxy import FaultyProxy
from tests.support.kubectl import Kubectl
from tests.support.objects import LEAF, a_cluster, a_job
from tests.support.observer import Observer
from tests.support.operated import h100
from tests.support.operator_forks import ROOT, Fork, OperatorForks
from tests.support.reminder import Reminder
from tests.support.waiting import eventually

Json = dict[str, Any]
JOBS = f"/apis/{API_VERSION}/namespaces/chaos/trainingjobs"
PODS = "/api/v1/namespaces/chaos/pods"
LEVELS = {"leaf": LEAF, "spine": "network.topology.nvidia.com/spine"}
STANDING = ("standing-a", "standing-b", "standing-c")
"""Gangs that run all the time: what a fault does to work that runs is seen on them."""

SETTINGS = {"resync": 5.0, "relist": 10.0, "grace": 2.0}
"""Healing of lost events within the patience of a test; by default every 60 and 600 s."""

PATIENCE = 60.0
"""Seconds after the end of a fault within which all is well again."""


class PatientApi(Api):
    """A direct connection for people who try again while the API server comes back."""

    def raw(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send one request, again as long as the server is not well."""
        until = time.monotonic() + 20.0
        while True:
            try:
                status, answer = super().raw(method, path, body, kind)
                if (status < 500 and status != 429) or time.monotonic() > until:
                    return status, answer
            except ApiError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)


class Stage:
    """Everything a fault may lay hands on.

    Attributes:
        cluster: The control plane and its nodes.
        api: A direct connection.
        proxy: Between the operator and the API server.
        observer: Judges what happens.
        chance: Decides what is left to chance.
        operator: The process at work.
        clock: File with the offset of the operator's clock.
        ended: Operators that ended by themselves.
    """

    def __init__(
        self,
        cluster: localcluster.Cluster,
        proxy: FaultyProxy,
        forks: OperatorForks,
        observer: Observer,
        folder: Path,
        seed: int,
    ) -> None:
        self.cluster = cluster
        self.api: Api = PatientApi(cluster.server, token=cluster.token, ca=cluster.ca)
        self.proxy = proxy
        self.observer = observer
        self.chance = random.Random(seed)
        self.clock = folder / "clock"
        self.log = folder / "operator.log"
        self.ended: list[str] = []
        self._forks = forks
        self._never = threading.Event()
        self._count = 0
        self._read = 0
        self.operator = self.start_operator()

    # ---- the operator

    def start_operator(self, log: Path | None = None) -> Fork:
        """Start an operator; it is the one at work from now on."""
        self.operator = self._forks.start(self.proxy.kubeconfig, log or self.log, self.clock, **SETTINGS)
        return self.operator

    def replace_operator(self, log: Path | None = None) -> Fork:
        """Kill the operator at work and start another."""
        self.operator.kill()
        return self.start_operator(log)

    def end_operator(self) -> int:
        """Ask the operator to end, as Kubernetes does, and return its exit status."""
        self.operator.signal(signal.SIGTERM)
        return self.operator.wait(20)

    def complaints(self) -> list[str]:
        """Return the exceptions in the operator's log that were not returned before."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        fresh, self._read = text[self._read :], len(text)
        # kopf logs what it gives up at; that it is begun anew is ours, and what counts.
        records = re.split(r"^(?=\d{4}-\d\d-\d\dT)", fresh, flags=re.MULTILINE)
        return [
            f"the operator's log has an exception: {one.splitlines()[0][:200]} <- {' <- '.join(_frames(one)[-4:])}"
            for one in records
            if "kopf" not in (parts := one.partition("Traceback (most recent call last)"))[0] and parts[1]
        ]

    def keep_operator(self) -> None:
        """Start the operator anew if it ended by itself, as a kubelet does."""
        if not self.operator.alive:
            self.ended.append(f"the operator ended by itself, wait status {self.operator.ended}")
            self.start_operator()

    # ---- gangs

    def a_gang(self, prefix: str, *, seconds: int | None = 1) -> Json:
        """Think of a gang of random size and wishes that ends by itself after so many seconds."""
        self._count += 1
        name = f"{prefix}-{self._count}"[-40:].strip("-")
        topology = {"required": "leaf"} if self.chance.random() < 0.5 else {"preferred": "leaf"}
        return a_job(name, workers=self.chance.choice((1, 2, 3, 4)), run_seconds=seconds, topology=topology)

    def create(self, job: Json) -> None:
        """Create a TrainingJob, however long the API server takes to come back."""
        job["spec"].setdefault("restart", {})["maxRestarts"] = 50

        def sent() -> bool:
            try:
                self.api.post(JOBS, job)
            except ApiError as error:
                return error.reason == "AlreadyExists"
            return True

        eventually(sent, within=PATIENCE, what=f"job {job['metadata']['name']} was created")

    def status(self, name: str) -> Json:
        """Return the status of a job."""
        found: Json = self.api.get(f"{JOBS}/{name}").get("status") or {}
        return found

    def pods(self, name: str) -> list[Json]:
        """Return the pods of a job, by index."""
        found = self.api.get(f"{PODS}?labelSelector={LABEL_JOB}={name}")["items"]
        return sorted(found, key=lambda pod: int(pod["metadata"]["labels"][LABEL_INDEX]))

    def nodes(self, name: str) -> list[str]:
        """Return the nodes of a job, first index first, each once."""
        return list(dict.fromkeys(pod["spec"]["nodeName"] for pod in self.pods(name)))

    def a_standing_gang(self) -> str:
        """Return one of the gangs that run all the time."""
        return self.chance.choice(STANDING)

    def stand(self) -> None:
        """Create the gangs that run all the time and wait until they do."""
        for name in STANDING:
            self.create(a_job(name, workers=4, topology={"required": "leaf"}))
        self.standing()

    def standing(self) -> None:
        """Wait until the standing gangs run, whole."""
        eventually(
            lambda: {name: self._running(name) for name in STANDING},
            until=lambda seen: all(one == "runs" for one in seen.values()),
            within=PATIENCE,
            what="the standing gangs ran",
        )

    def _running(self, name: str) -> str:
        status = self.status(name)
        pods = self.pods(name)
        phases = [pod["status"].get("phase") for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        if status.get("phase") == "Running" and phases == ["Running"] * 4:
            return "runs"
        return f"{status.get('phase')} {status.get('waiting')} {status.get('conditions')} pods {phases}"

    def done(self, names: list[str]) -> None:
        """Wait until these gangs have succeeded, and delete them."""
        left = set(names)

        def look() -> Json:
            self.keep_operator()
            found = {one["metadata"]["name"]: one.get("status") or {} for one in self.api.get(JOBS)["items"]}
            left.intersection_update(name for name in left if found.get(name, {}).get("phase") != "Succeeded")
            return {name: found.get(name) for name in left}

        eventually(look, until=lambda seen: not seen, within=PATIENCE, what="the gangs succeeded")
        for name in names:
            self.api.delete(f"{JOBS}/{name}")

    def finish(self) -> None:
        """Let the standing gangs succeed."""
        for name in STANDING:
            for pod in self.pods(name):
                faults.fail_pod(self.api, "chaos", pod["metadata"]["name"], exit_code=0)
        self.done(list(STANDING))

    @contextmanager
    def frozen(self, component: str) -> Iterator[None]:
        """A component of the control plane stands still (SIGSTOP) while the block lasts."""
        pid = self.cluster.pids[component]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def hold(self, seconds: float) -> None:
        """Let a fault last."""
        self._never.wait(seconds)

    def idle_writes(self, seconds: float) -> Json:
        """Return what the operator wrote within a time in which nothing happens, by the audit log."""

        def ours() -> dict[str, int]:
            return {what: n for what, n in self.cluster.writes().items() if what.startswith("crosstree")}

        self.hold(2.0)  # the API server writes its log in batches
        before = ours()
        self.hold(seconds)
        return {what: n - before.get(what, 0) for what, n in ours().items() if n > before.get(what, 0)}


def _frames(traceback: str) -> list[str]:
    """Return the lines of a traceback that tell where and what."""
    lines = [line.strip() for line in traceback.splitlines() if line.strip()]
    places = [line for line in lines if line.startswith("File ")]
    what = [line for line in lines if ": " in line and not line.startswith("File ")]
    return [*(place.split("/")[-1] for place in places), *what[:1]]


@contextmanager
def staged(folder: Path, seed: int, *, nodes: int = 48) -> Iterator[Stage]:
    """Set the stage: nodes, kinds, an AICluster, an operator, standing gangs."""
    fleet = Fleet.parse({"groups": [h100(nodes, leaf=8)]})
    # The audit log is read while the cluster runs: batches must not wait for half a minute.
    arguments = {"kube-apiserver": ["--audit-log-batch-max-wait=500ms"]}
    with ExitStack() as stack:
        local = stack.enter_context(localcluster.Cluster(fleet=fleet, audit=True, component_args=arguments))
        kubectl = Kubectl(local.bin / "kubectl", local.kubeconfig)
        kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        for listed in (JOBS, f"/apis/{API_VERSION}/aiclusters"):  # Established, and still "initializing"
            eventually(partial(local.api.get, listed), within=30, what=f"{listed} was served")
        kubectl("create", "namespace", "chaos")
        kubectl.apply(a_cluster())
        stack.enter_context(Reminder(local))
        proxy = stack.enter_context(FaultyProxy(local, folder, seed))
        forks = stack.enter_context(OperatorForks())
        observer = stack.enter_context(Observer(local, LEVELS))
        yield Stage(local, proxy, forks, observer, folder, seed)
