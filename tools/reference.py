"""The pages of docs/reference, made from the code they describe."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import typer

from crosstree import settings
from crosstree.api.v1alpha1 import crds
from crosstree.catalog import load as catalog
from crosstree.cli import main as cli
from crosstree.core.health import Action
from crosstree.core.lifecycle.moves import Cause
from crosstree.core.plan import WaitReason
from crosstree.telemetry.metrics import Metrics

Json = Mapping[str, Any]
NOTE = "<!-- Made by `make generate`. -->\n"


def api() -> str:
    """Every field of every kind, from the CRDs."""
    parts = [
        NOTE,
        "# API\n",
        "Group `crosstree.dev/v1alpha1`. A bad object is refused by the API server with"
        " a sentence that names the field;"
        " what only the operator can see becomes a condition. Unknown fields are refused.\n",
    ]
    for crd in crds.crds().values():
        names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
        schema = version["schema"]["openAPIV3Schema"]
        parts += [
            f"## {names['kind']}\n",
            f"`{names['plural']}`, short `{names['shortNames'][0]}`, {crd['spec']['scope'].lower()}-scoped."
            + (f" {_line(schema['description'])}" if "description" in schema else "")
            + "\n",
        ]
        columns = ", ".join(column["name"] for column in version["additionalPrinterColumns"])
        parts.append(f"`kubectl get {names['shortNames'][0]}` shows: {columns}.\n")
        for section in ("spec", "status"):
            fields = schema["properties"].get(section)
            if fields:
                parts.append(_table(("Field", "Type", "Meaning"), list(_fields(fields, section))))
    return "\n".join(parts)


def _fields(schema: Json, path: str) -> Iterator[tuple[str, str, str]]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield f"`{here}`", _type(field), _meaning(field, required=name in required)
        inner = field.get("items", field)
        if not inner.get("x-kubernetes-preserve-unknown-fields") or "type" not in inner:
            yield from _fields(inner, f"{here}[]" if "items" in field else here)


def _type(field: Json) -> str:
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    return str(field.get("type", "integer \\| object" if "properties" in field else "any"))


def _meaning(field: Json, *, required: bool) -> str:
    parts = [_line(field.get("description", ""))]
    if required:
        parts.append("Required.")
    if field.get("default") not in (None, {}, []):
        parts.append(f"Default `{field['default']}`.")
    return " ".join(part for part in parts if part)


def command_line() -> str:
    """Every verb with its options, from the parser itself."""
    root = typer.main.get_command(cli.app)
    parts = [
        NOTE,
        "# Command line\n",
        "`crosstree VERB`, also found by kubectl as `kubectl crosstree VERB`. Exit"
        " codes: 0 done, 1 the answer is no or it"
        " could not be done, 2 wrong usage or settings. An error is one sentence on"
        " stderr; `CROSSTREE_DEBUG=1` adds where"
        " it came from.\n",
        *_verbs(root, "crosstree"),
    ]
    return "\n".join(parts)


def _verbs(command: Any, path: str) -> Iterator[str]:
    children: Mapping[str, Any] = getattr(command, "commands", {})
    if children:
        for name, child in children.items():
            yield from _verbs(child, f"{path} {name}")
        return
    parameters = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    arguments = " ".join(
        (p.metavar or p.name.upper()) if p.required else f"[{p.metavar or p.name.upper()}]"
        for p in parameters
        if p.param_type_name == "argument"
    )
    yield f"## {path}\n"
    yield f"{_line(command.help or '')}\n"
    yield f"```\n{path} {arguments}".rstrip() + (" [options]\n```\n" if parameters else "\n```\n")
    options = [
        (
            ", ".join(f"`{flag}`" for flag in (*p.opts, *p.secondary_opts)),
            _line(getattr(p, "help", None) or ""),
        )
        for p in parameters
        if p.param_type_name == "option"
    ]
    if options:
        yield _table(("Option", "Meaning"), options)


def reasons() -> str:
    """Why jobs wait, restart and end: the closed lists, from the enums and the docstrings of their members."""
    return "\n".join(
        [
            NOTE,
            "# Reasons\n",
            "Closed lists: alerts and dashboards may rely on them.\n",
            "## Why a job waits\n",
            "In `status.waiting.reason`, the REASON column, and the reason of condition"
            " Placed. The message beside it has"
            " the counts.\n",
            "A job stands in line if more free accelerators would let it start, or it is about to be there. Any other"
            " has no `status.queuePosition`, and queues and AIClusters do not count it as waiting;"
            " `crosstree_waiting_jobs` counts all by reason.\n",
            _table(
                ("Reason", "In line", "Meaning and way out"),
                [
                    (name, "no" if reason.barred or reason is WaitReason.SUSPENDED else "yes", text)
                    for reason, (name, text) in zip(WaitReason, _members(WaitReason), strict=True)
                ],
            ),
            "## Why a gang was restarted, or a job failed\n",
            "In `status.restarts[].reason` and the reason of condition Finished.\n",
            _table(("Reason", "Meaning"), _members(Cause)),
        ]
    )


def _members(kind: type[Enum]) -> list[tuple[str, str]]:
    """Pair each member's value with the docstring under it.

    Raises:
        ValueError: a member has none: it would reach users unexplained.
    """
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    said: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                said[name] = _line(text)
            case _:
                pass
    if silent := [member.name for member in kind if member.name not in said]:
        raise ValueError(f"{kind.__name__}: write a docstring under {', '.join(silent)}")
    return [(f"`{member.value}`", said[member.name]) for member in kind]


def accelerators() -> str:
    """Every row of the catalog."""
    known = catalog.load()
    rows = [
        (
            f"`{row.profile.id}`",
            row.profile.title,
            row.profile.vendor,
            ", ".join(f"`{name}`" for name in row.names[:3]) + (", …" if len(row.names) > 3 else ""),
            str(row.profile.devices_per_node or ""),
            _wiring(
                row.profile.intra.rule.value,
                row.profile.intra.size,
                row.profile.intra.legal,
                gang=row.profile.gang,
            ),
            row.source + (" (partly estimated)" if row.estimated else ""),
        )
        for row in known.rows
    ]
    return "\n".join(
        [
            NOTE,
            "# Catalog\n",
            f"{len(known.profiles)} kinds of accelerators. What is missing is declared in the"
            f" AICluster or added as a row:"
            " [add an accelerator](../how-to/add-an-accelerator.md). None of these facts has been measured by this"
            " project: each row names where it was read.\n",
            _table(("Model", "Title", "Vendor", "Resources", "Per node", "Wiring in a node", "Source"), rows),
            "What is done about node conditions and other signals of trouble is in [health](health.md).\n",
        ]
    )


def health() -> str:
    """Every signal of trouble that is known, and what is done about it."""
    rows = sorted(
        (
            (one.producer, one.rule.condition, one.rule.reason, one.rule.status, one.rule.action.value)
            for one in catalog.load().health
        ),
    )
    sources = dict.fromkeys((one.producer, one.source) for one in catalog.load().health)
    return "\n".join(
        [
            NOTE,
            "# Health\n",
            "What is done about a signal unless `spec.health.rules` of the AICluster or AcceleratorPool says otherwise;"
            " how it is done: [health signals](../how-to/health-signals.md). A condition that is not here is not"
            " looked at. A row with a reason goes before one without.\n",
            _table(
                ("Signal", "Trouble when", "Reason", "Action", "Set by"),
                [
                    (f"`{name}`", status, f"`{reason}`" if reason else "any", f"`{action}`", producer)
                    for producer, name, reason, status, action in rows
                ],
            ),
            "## Actions\n",
            _table(
                ("Action", "Meaning"),
                _members(Action),
            ),
            "## Where this was read\n",
            _table(("Producer", "Source"), sorted(sources)),
        ]
    )


def _wiring(rule: str, size: int, legal: Sequence[int], *, gang: bool) -> str:
    if not gang:
        return "single devices, no gangs"
    text = f"{rule} of {size}" if size else rule
    return f"{text}; {', '.join(map(str, legal))} per pod" if legal else text


def metrics() -> str:
    """Every metric of ours, from the registry itself."""
    rows = [
        (
            f"`{family.name}_total`" if family.type == "counter" else f"`{family.name}`",
            family.type,
            ", ".join(f"`{label}`" for label in _labels(family.name)),
            family.documentation,
        )
        for family in Metrics().registry.collect()
        if family.name.startswith("crosstree_")
    ]
    return "\n".join(
        [
            NOTE,
            "# Metrics\n",
            "Served in the text format of Prometheus on `/metrics` of the address in"
            " [settings](settings.md). Labels are"
            " bounded: never a job, pod or node.\n",
            _table(("Metric", "Type", "Labels", "Meaning, and what to do when it rises"), sorted(rows)),
        ]
    )


def _labels(name: str) -> Sequence[str]:
    for metric in vars(Metrics()).values():
        if getattr(metric, "_name", None) == name:
            return tuple(metric._labelnames)  # noqa: SLF001 - prometheus_client has no public way to ask
    return ()


def process_settings() -> str:
    """Every setting of the operator's process."""
    rows = [
        (
            f"`CROSSTREE_{name.upper()}`",
            "" if field.default is None else f"`{field.default}`",
            _line(field.description or ""),
        )
        for name, field in settings.Settings.model_fields.items()
    ]
    return "\n".join(
        [
            NOTE,
            "# Settings\n",
            "Environment variables of `crosstree run`; some can also be given as"
            " [options](cli.md). How a cluster is scheduled"
            " is not here but in its AICluster.\n",
            _table(("Variable", "Default", "Meaning"), rows),
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("\n", " ") for cell in line) + " |" for line in lines) + "\n"
    )


def _line(text: str) -> str:
    """Fold a text into one line that a table cell can hold."""
    return " ".join(text.split()).replace("|", "\\|")


PAGES: Mapping[str, Callable[[], str]] = {
    "api.md": api,
    "cli.md": command_line,
    "reasons.md": reasons,
    "catalog.md": accelerators,
    "health.md": health,
    "metrics.md": metrics,
    "settings.md": process_settings,
}
"""File under docs/reference by what makes it."""
