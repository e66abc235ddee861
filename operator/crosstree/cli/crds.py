"""`crosstree crds`: the CustomResourceDefinitions of this version and their admission policy, printed or applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from crosstree.base.names import FIELD_MANAGER
from crosstree.cli.access import Json, get, talk
from crosstree.cli.options import Context, Format, Kubeconfig, NoColor

if TYPE_CHECKING:
    from crosstree.adapters.client import Api

CRD = "CustomResourceDefinition"
PATHS = {
    CRD: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
PATIENCE = 30.0
"""Seconds until an applied CRD must be served."""


def crds(
    apply: Annotated[
        bool, typer.Option("--apply", help="Apply them to the cluster instead of printing.")
    ] = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="yaml or json.")] = Format.YAML,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Print the CRDs and their policy (`crosstree crds | kubectl apply --server-side -f -`), or apply them here."""
    from crosstree.api.v1alpha1.crds import definitions, render

    made = definitions()
    if apply:
        for name, body in zip(talk(kubeconfig, context, lambda api: applied(api, made)), made, strict=True):
            typer.echo(f"{body['kind']} {name} applied")
    elif output is Format.JSON:
        typer.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}, indent=2))
    else:
        typer.echo(render(*made), nl=False)


async def applied(api: Api, made: list[Json]) -> list[str]:
    """Apply by server-side apply and return the names once every kind is served."""
    query = {"fieldManager": FIELD_MANAGER, "force": "true"}
    names = [str(each["metadata"]["name"]) for each in made]
    for name, body in zip(names, made, strict=True):
        await api.request(
            "PATCH", f"{PATHS[body['kind']]}/{name}", query=query, body=json.dumps(body).encode(),
            content_type="application/apply-patch+yaml",
        )  # fmt: skip
    for name, body in zip(names, made, strict=True):
        if body["kind"] == CRD:
            await _served(api, name)
    return names


async def _served(api: Api, name: str) -> None:
    import asyncio

    from crosstree.base.clock import monotonic
    from crosstree.base.errors import Unavailable

    begun = monotonic()
    while True:
        conditions = (await get(api, f"{PATHS[CRD]}/{name}")).get("status", {}).get("conditions") or ()
        if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            return
        if monotonic() - begun > PATIENCE:
            raise Unavailable(f"{name} is not served {PATIENCE:.0f} s after it was applied: {conditions}")
        await asyncio.sleep(0.1)
