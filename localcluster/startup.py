"""Bring a control plane up: write what the components read, start them in order, wait until each answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from localcluster import components, keys, kubeconfig
from localcluster.api import Api
from localcluster.components import Layout
from localcluster.control import Supervision
from localcluster.errors import ApiError, StartError
from localcluster.progress import Reporter

STAGES = Path(__file__).resolve().parent / "stages"
_PORT_LOST = "address already in use"


class PortLost(StartError):
    """Another process took a port between its choice and its use; worth another try with other ports."""


def prepare(at: Layout, token: str, users: str = "") -> None:
    """Write keys, tokens and the configuration files the command lines name. Starts nothing.

    Args:
        at: What is to start.
        token: The admin's bearer token.
        users: More lines of the API server's token file.
    """
    at.log("any").parent.mkdir(parents=True, exist_ok=True)
    keys.write_key_pair(at.data / "sa.key", at.data / "sa.pub")
    (at.data / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n{users}")
    (at.state / "scheduler.json").write_text(components.scheduler_config(at))
    (at.state / "audit-policy.json").write_text(components.audit_policy())
    at.audit_log.unlink(missing_ok=True)
    configuration = (STAGES / name for name in ("kwok.yaml", "nodes.yaml", "pods.yaml"))
    (at.state / "kwok.yaml").write_text("\n---\n".join(file.read_text() for file in configuration))


def start_control_plane(at: Layout, token: str, supervision: Supervision, reporter: Reporter) -> Api:
    """Start every component and wait until the API server is ready.

    The others are started as soon as the API server accepts connections; they become ready by themselves.

    Raises:
        PortLost: a port was taken by another process meanwhile.
        StartError: a component ended, or the API server was not ready within a minute.
    """
    reporter.phase("start etcd and kube-apiserver")
    supervision.start("etcd")
    supervision.start("kube-apiserver")
    certificate = at.data / "pki" / "apiserver.crt"
    _wait(lambda: certificate.exists() and (certificate.parent / "apiserver.key").exists(), at, supervision)
    # The server made itself an authority and a certificate; the file holds both, the authority last.
    end = "-----END CERTIFICATE-----\n"
    at.ca.write_text(certificate.read_text().split(end)[-2] + end)
    kubeconfig.write(at.kubeconfig, at.server, token, at.ca)
    api = Api(at.server, token=token, ca=at.ca)
    _wait(lambda: answers(api, "/readyz"), at, supervision)
    reporter.phase("start kube-controller-manager, kube-scheduler and kwok")
    for name in components.START_ORDER[2:]:
        supervision.start(name)
    return api


def wait_usable(api: Api, at: Layout, supervision: Supervision) -> None:
    """Wait until pods can be created and scheduled: controllers run, the scheduler does.

    Raises:
        PortLost, StartError: as `start_control_plane`.
    """
    _wait(lambda: answers(api, "/api/v1/namespaces/default/serviceaccounts/default"), at, supervision)
    scheduler = Api(f"https://127.0.0.1:{at.ports.scheduler}", insecure=True)
    _wait(lambda: answers(scheduler, "/healthz"), at, supervision)


def answers(api: Api, path: str) -> bool:
    """Tell whether a request succeeds; no answer at all counts as no."""
    try:
        return api.raw("GET", path)[0] == 200
    except ApiError:
        return False


def _wait(holds: Callable[[], bool], at: Layout, supervision: Supervision, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        for name, child in supervision.children().items():
            if child.exit is not None:
                text = at.log(name).read_text(errors="replace")
                kind = PortLost if _PORT_LOST in text else StartError
                last = "\n".join(text.strip().splitlines()[-5:])
                raise kind(f"{name} ended with {child.exit} while starting; end of {at.log(name)}:\n{last}")
        if time.monotonic() > deadline:
            raise StartError(
                f"the control plane was not ready within {within:.0f} s; logs are in {at.state}/logs"
            )
        time.sleep(0.05)
