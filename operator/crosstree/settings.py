"""Settings of the operator, from `CROSSTREE_…` environment variables or from who calls `app.run`.

How a cluster is scheduled is in its AICluster; here is only what concerns this process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crosstree.base.errors import SettingsError

LONGEST_LEASE = 120
"""Seconds; candidates wait no longer for a holder that asks for more."""


def _split(value: object) -> object:
    """Read a list as an environment variable holds it: by commas, or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return tuple(json.loads(value))
    return tuple(part for part in value.replace(",", " ").split() if part)


class Settings(BaseSettings):
    """Everything that can be chosen about one operator process."""

    model_config = SettingsConfigDict(
        env_prefix="CROSSTREE_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    kubeconfig: str | None = None
    """Path of a kubeconfig. Without it `KUBECONFIG`, then `~/.kube/config`, then the service account of the pod."""

    context: str | None = None
    """Context of the kubeconfig; its current one if not set."""

    listen_address: str = "127.0.0.1"
    """Address of the health and metrics endpoints. In a pod the kubelet asks from outside: the chart sets 0.0.0.0."""

    listen_port: int = Field(default=8080, ge=0, le=65535)
    """TCP port of the health and metrics endpoints; 0 for none."""

    log_format: Literal["console", "json"] = "console"
    """`console` for people, `json` for log stores."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level of our own log lines; libraries always log from WARNING on."""

    workers: int = Field(default=256, ge=1, le=4096)
    """Objects reconciled at once. They wait for the API server nearly all of the time, and requests are bounded
    apart from this: enough that jobs whose status waits its turn don't keep others from starting."""

    step_window: float = Field(default=0.015, ge=0.0, le=1.0)
    """Seconds in which changes are gathered into one scheduling step: long enough for a burst of watch events,
    too short for anyone to notice."""

    step_lazy: float = Field(default=0.25, ge=0.0, le=5.0)
    """Seconds within which changes that went as decided (a pod that started, a status we wrote) lead to a step."""

    step_idle: float = Field(default=5.0, gt=0.0, le=300.0)
    """Seconds after which a step is taken without a wake-up. Costs microseconds; heals a wake-up that got lost."""

    order: Literal["Age", "ShortestExpected"] = "Age"
    """Who goes first inside a JobQueue among jobs of one priority: the oldest, or the one expected to be done soonest
    (`spec.expectedDuration`, else learned), for which longer ones may be stopped; nobody is passed for ever."""

    resync: float = Field(default=60.0, ge=1.0)
    """Seconds between looks at every object we know. Costs no request unless something has drifted."""

    relist: float = Field(default=600.0, ge=10.0)
    """Seconds between lists of our own kinds, one request each: heals an event that never arrived."""

    grace: float = Field(default=5.0, ge=0.0, le=60.0)
    """Seconds that writes in flight are given when the operator is told to stop; below the 30 s of a pod."""

    mindcluster_namespaces: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Namespaces in which MindCluster (Ascend) keeps its ConfigMaps about nodes, by commas or as JSON: usually
    kube-system,mindx-dl. They are watched, so the operator must be allowed to. None: nothing is watched."""

    leader_election: bool = False
    """Whether this is one of several replicas, of which one acts: on in the chart, off on a laptop."""

    lease_name: str = Field(default="crosstree", pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
    """Name of the Lease that replicas share."""

    lease_namespace: str | None = None
    """Namespace of the Lease. Without it `POD_NAMESPACE`, then the namespace of the service account."""

    identity: str | None = Field(default=None, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9._:]{0,251}[A-Za-z0-9])?$")
    """What this replica is called in the Lease and in audit logs. Without it `POD_NAME`, then a name of this host."""

    lease_seconds: int = Field(default=10, ge=2, le=LONGEST_LEASE)
    """Seconds for which a Lease must not have been renewed before another replica takes it. The same everywhere."""

    renew_deadline: float = Field(default=7.0, gt=0.0)
    """Seconds after its last renewal at which a leader stops to act and ends with exit code 1; at most 0.8 of
    `lease_seconds`, for what was sent just before may still be on its way."""

    retry_seconds: float = Field(default=2.0, ge=0.1)
    """Seconds between renewals, at most half of `renew_deadline`; replicas that stand by look twice as often."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.renew_deadline > 0.8 * self.lease_seconds:
            raise ValueError(
                f"renew_deadline {self.renew_deadline:g} is more than 0.8 of lease_seconds {self.lease_seconds}: "
                "raise lease_seconds or lower renew_deadline"
            )
        if self.retry_seconds > self.renew_deadline / 2:
            raise ValueError(
                f"retry_seconds {self.retry_seconds:g} is more than half of renew_deadline "
                f"{self.renew_deadline:g}: one lost answer would end a leader"
            )
        return self


def checked(values: Mapping[str, object], called: Mapping[str, str] = MappingProxyType({})) -> Settings:
    """Return the settings that these values make, with defaults for the rest.

    Args:
        values: By name of the field.
        called: The option or variable that each value came from, by name of the field.

    Raises:
        SettingsError: a value can't work; the first of them is named.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ").replace("Input should", "it should", 1)
        if not first["loc"]:
            raise SettingsError(f"{said}. See crosstree run --help.") from error
        name = str(first["loc"][0])
        raise SettingsError(
            f"{called.get(name, name)} is {first.get('input')!r}: {said}. See crosstree run --help."
        ) from error


def environment() -> dict[str, tuple[str, str]]:
    """Return what the CROSSTREE_ variables say, by name of the field: the variable and its value, not yet checked."""
    prefix = str(Settings.model_config.get("env_prefix", ""))
    known = {prefix + name.upper(): name for name in Settings.model_fields}
    return {known[key]: (key, value) for key, value in os.environ.items() if key in known}
