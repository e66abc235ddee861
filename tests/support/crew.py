"""An operator that is killed at a chosen write, and the one that takes over from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.killing_proxy import KillingProxy, Moment, Write
from tests.support.operated import Operated
from tests.support.operator_forks import Fork, OperatorForks
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def forks() -> Iterator[OperatorForks]:
    """Where operators come from that take no time to start."""
    with OperatorForks() as forks:
        yield forks


class Crew:
    """One operator with a killer behind it, and the one that takes over."""

    def __init__(
        self, world: Operated, forks: OperatorForks, write: Write, moment: Moment, folder: Path
    ) -> None:
        self.world = world
        self.killer = KillingProxy(world.local, write, moment, folder)
        self._forks = forks
        self._folder = folder
        self._operators: list[Fork] = []

    def __enter__(self) -> Crew:
        self.killer.__enter__()
        first = self._started(self.killer.kubeconfig)
        self.killer.aims_at(first.shoot)
        return self

    def _started(self, kubeconfig: Path) -> Fork:
        log = self._folder / f"operator-{len(self._operators) + 1}.log"
        operator = self._forks.start(kubeconfig, log, self._folder / "clock")
        self._operators.append(operator)
        return operator

    def __exit__(self, *error: object) -> None:
        for operator in self._operators:
            operator.kill()
            if error[0] is not None:
                words = operator.log.read_text(errors="replace").splitlines()[-40:]
                print(f"{operator.log.name}:", *words, sep="\n")  # noqa: T201
        self.killer.__exit__(None, None, None)

    def until_phase(self, phase: str, attempt: int, name: str = "train") -> None:
        """Wait until a job is in this phase; replace the operator as soon as it is dead."""

        def look() -> tuple[str, int]:
            self.take_over()
            status = self.world.status(name)
            return status.get("phase", ""), status.get("attempt", 0)

        eventually(
            look, until=lambda seen: seen == (phase, attempt), within=90, what=f"job {name} was {phase}"
        )

    def until_ready(self, workers: int) -> None:
        """Wait until every worker is ready, and the job says so."""

        def look() -> bool:
            self.take_over()
            ready = [
                one["type"] == "Ready" and one["status"] == "True"
                for pod in self.world.pods()
                for one in pod["status"].get("conditions", ())
            ]
            return sum(ready) == workers and self.world.condition("PodsReady")["status"] == "True"

        eventually(look, within=90, what="all workers were ready")

    def until_served(self) -> None:
        """Wait until the job has its Service."""
        services = f"/api/v1/namespaces/{self.world.namespace}/services"

        def look() -> bool:
            self.take_over()
            found = self.world.local.api.get(services)["items"]
            return "train" in [service["metadata"]["name"] for service in found]

        eventually(look, within=90, what="the job had its Service")

    def take_over(self) -> None:
        """Start a new operator, without a killer, if the first one is dead and has no successor yet."""
        if self.killer.killed.is_set() and len(self._operators) == 1:
            self._started(self.world.local.kubeconfig)

    def was_killed(self) -> bool:
        self.take_over()
        return self.killer.killed.is_set()
