"""The pod template of a worker: the parts Crosstree reads or reserves. Everything else of a pod passes through.

Reserved is what Crosstree decides (the node, the name in DNS, who restarts) and what it would have to ignore
(demands on placement that belong into `spec.topology`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr
from pydantic.alias_generators import to_camel

from crosstree.api.v1alpha1.common import ATOMIC, KEEP_UNKNOWN, MAP_BY_NAME, LabelValue, Wire, attach_rules
from crosstree.api.v1alpha1.podfields import CONTAINER_FIELDS, POD_FIELDS
from crosstree.api.v1alpha1.podplacement import Affinity, Opaque, OpaqueList, Toleration, absent
from crosstree.api.v1alpha1.rules import Check, Rule, fault, matches
from crosstree.base import quantity
from crosstree.base.errors import SpecError
from crosstree.base.names import GROUP, TRAINER_CONTAINER

RESERVED_ENV_PREFIX = "CROSSTREE_"


UNSEEN: dict[str, Any] = {KEEP_UNKNOWN: True}
"""Schema of a value that passes through whatever it is."""


def _open(schema: dict[str, Any], model: type[BaseModel]) -> None:
    attach_rules(schema, model)
    schema[KEEP_UNKNOWN] = True
    if issubclass(model, Open):
        schema["properties"] |= dict.fromkeys(model.UNSEEN_FIELDS, UNSEEN)


class Open(Wire):
    """Base of the models that are a window on a large Kubernetes type: unknown fields are kept.

    `UNSEEN_FIELDS` names those that Kubernetes has and we don't look at, see `podfields`.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", json_schema_extra=_open)
    UNSEEN_FIELDS: ClassVar[tuple[str, ...]] = ()


def _quantity(value: int | str) -> int | str:
    try:
        good = quantity.parse(value, "") >= 0
    except SpecError:
        good = False
    if not good:
        raise fault("'{value}' is not a quantity; write for example 8, 500m or 64Gi.", value)
    return value


Quantity = Annotated[
    StrictInt | StrictStr,
    AfterValidator(_quantity),
    Field(
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            # A pattern, not a CEL rule: CEL can't bound the length of a value that may be a number too.
            "pattern": r"^\+?([0-9]{1,18}(\.[0-9]{0,9})?|\.[0-9]{1,9})([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$",
            "minimum": 0,
        }
    ),
]
Quantities = Annotated[dict[str, Quantity], Field(max_length=32)]


class EnvVar(Wire):
    """One environment variable."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=131072)] | None = None
    """Its value."""
    value_from: Annotated[Any, Field(json_schema_extra=UNSEEN)] = None
    """Where its value comes from."""

    RULES = (
        Rule(
            holds=f"!self.name.startsWith('{RESERVED_ENV_PREFIX}')",
            says="env sets {name}, but Crosstree sets every variable that begins with "
            f"{RESERVED_ENV_PREFIX}; choose another name.",
            shows={"name": "self.name"},
            breaks=lambda env: {"name": env.name} if env.name.startswith(RESERVED_ENV_PREFIX) else None,
            path="name",
        ),
    )


class Resources(Wire):
    """What a container asks for. The accelerators of `spec.accelerators` are added to the trainer's."""

    requests: Quantities = {}
    """Least amounts, by resource."""
    limits: Quantities = {}
    """Largest amounts, by resource; also the request where none is given."""
    claims: Annotated[Any, Field(json_schema_extra=UNSEEN)] = None
    """Claims of the pod that this container uses."""


class Container(Open):
    """A container of the worker's pod."""

    name: Annotated[
        str,
        Field(max_length=63),
        matches(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "'{value}' can't be the name of a container; use lower-case letters, digits and '-'.",
        ),
    ]
    """Name; the one called `trainer`, or the only one, gets the accelerators."""
    image: Annotated[str, Field(min_length=1, max_length=1024)]
    """Image to run."""
    env: Annotated[list[EnvVar], Field(max_length=256, json_schema_extra=ATOMIC)] = []
    """Environment; a variable set here wins over a preset, reserved names are refused."""
    resources: Resources = Field(default_factory=Resources)
    """CPU, memory and other resources of this container."""

    UNSEEN_FIELDS = CONTAINER_FIELDS


class InitContainer(Container):
    """A container that runs before the others, or beside them from the start (`restartPolicy: Always`)."""

    restart_policy: Literal["Always", "OnFailure", "Never"] | None = None
    """Always makes it a sidecar, whose resources count for the pod's whole life."""


def _reserved(name: str, attribute: str, way_out: str) -> Rule:
    return Rule(
        holds=f"!has(self.{name}) || self.{name} == ''",
        says=f"spec.template.spec.{name} is {{value}}; {way_out}",
        shows={"value": f"self.{name}"},
        breaks=lambda pod: {"value": value} if (value := getattr(pod, attribute)) else None,
        path=name,
    )


def _no_trainer(pod: PodSpec) -> Mapping[str, object] | None:
    names = [container.name for container in pod.containers]
    if len(names) < 2 or TRAINER_CONTAINER in names:
        return None
    return {"names": names}


def _unless(value: str | None, allowed: tuple[str | None, ...]) -> Mapping[str, object] | None:
    return None if value in allowed else {"value": value}


ReservedText = Annotated[str | None, Field(max_length=253)]


class PodSpec(Open):
    """Spec of a worker's pod. What is not listed here passes through untouched."""

    containers: Annotated[list[Container], Field(min_length=1, max_length=32), MAP_BY_NAME]
    """At least one; with several, one is called `trainer`."""
    init_containers: Annotated[list[InitContainer], Field(max_length=32), MAP_BY_NAME] = []
    """Containers that run first."""
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=64)] = {}
    """Labels the node must carry."""
    affinity: Affinity | None = None
    """Demands on the node; only required node affinity."""
    tolerations: Annotated[list[Toleration], Field(max_length=64, json_schema_extra=ATOMIC)] = []
    """Taints the worker puts up with."""
    overhead: Quantities = {}
    """Resources of the sandbox, on top of the containers'."""
    resources: Resources | None = None
    """Resources of the pod as a whole, instead of the sum of its containers'."""
    restart_policy: ReservedText = None
    """Never, or left out: the whole gang is restarted, never one container."""
    node_name: ReservedText = None
    """Reserved."""
    hostname: ReservedText = None
    """Reserved."""
    subdomain: ReservedText = None
    """Reserved."""
    scheduler_name: ReservedText = None
    """Reserved."""
    priority_class_name: ReservedText = None
    """Reserved."""
    hostname_override: ReservedText = None
    """Reserved."""
    topology_spread_constraints: OpaqueList = None
    """Reserved."""
    scheduling_group: Opaque = None
    """Reserved."""
    workload_ref: Opaque = None
    """Reserved."""

    UNSEEN_FIELDS = POD_FIELDS

    RULES = (
        Rule(
            holds=f"self.containers.size() == 1 || self.containers.exists(c, c.name == '{TRAINER_CONTAINER}')",
            says="spec.template.spec has the containers {names}, none of them called trainer;"
            " call the one that gets the accelerators trainer.",
            shows={"names": "self.containers.map(c, c.name)"},
            breaks=_no_trainer,
            path="containers",
        ),
        Rule(
            holds="!has(self.restartPolicy) || self.restartPolicy in ['', 'Never']",
            says="spec.template.spec.restartPolicy is {value}; use Never or leave it out:"
            " Crosstree restarts the whole gang, within spec.restart.maxRestarts.",
            shows={"value": "self.restartPolicy"},
            breaks=lambda pod: _unless(pod.restart_policy, (None, "", "Never")),
            path="restartPolicy",
        ),
        Rule(
            holds="!has(self.schedulerName) || self.schedulerName in ['', 'default-scheduler']",
            says="spec.template.spec.schedulerName is {value}; remove it: Crosstree chooses the nodes.",
            shows={"value": "self.schedulerName"},
            breaks=lambda pod: _unless(pod.scheduler_name, (None, "", "default-scheduler")),
            path="schedulerName",
        ),
        _reserved(
            "nodeName", "node_name", "remove it: Crosstree chooses the nodes; to limit them use nodeSelector."
        ),
        _reserved("hostname", "hostname", "remove it: every worker's hostname is the name of its pod."),
        _reserved(
            "hostnameOverride",
            "hostname_override",
            "remove it: every worker's hostname is the name of its pod.",
        ),
        _reserved(
            "subdomain", "subdomain", "remove it: workers find each other through the job's own Service."
        ),
        _reserved(
            "priorityClassName", "priority_class_name", "set spec.priorityClassName of the job instead."
        ),
        absent(
            "topologySpreadConstraints",
            "topology_spread_constraints",
            "Crosstree places the whole gang by spec.topology: remove it.",
            "spec.template.spec",
        ),
        absent(
            "schedulingGroup", "scheduling_group", "the job is the gang: remove it.", "spec.template.spec"
        ),
        absent("workloadRef", "workload_ref", "the job is the gang: remove it.", "spec.template.spec"),
    )


def _own_keys(what: str) -> Check:
    prefix = f"{GROUP}/"
    return Check(
        f"self.all(key, !key.startsWith('{prefix}'))",
        f"{what} with the prefix {prefix} are set by Crosstree alone; use a prefix of your own.",
        lambda pairs: not any(key.startswith(prefix) for key in pairs),
    )


class PodMetadata(Wire):
    """Metadata of a worker's pod. Names and owners are Crosstree's, so only these two are taken."""

    labels: Annotated[dict[str, LabelValue], Field(max_length=64), _own_keys("labels")] = {}
    """Labels for the pods."""
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=65536)]], Field(max_length=64), _own_keys("annotations")
    ] = {}
    """Annotations for the pods."""


class PodTemplate(Wire):
    """Pod of one worker; all workers are alike."""

    metadata: PodMetadata = Field(default_factory=PodMetadata)
    """Labels and annotations of the pods."""
    spec: PodSpec
    """Spec of the pods."""
