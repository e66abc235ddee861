"""`crosstree validate -f`: are these objects good? Offline by the models the CRDs come from, or by the server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosstree.base.errors import NotFound, Refused, SettingsError, SpecError
from crosstree.base.names import FIELD_MANAGER, GROUP
from crosstree.cli.access import OURS, Json, talk
from crosstree.cli.options import Context, Format, Kubeconfig, Namespace, NoColor, Output
from crosstree.cli.output import console, emit

if TYPE_CHECKING:
    from yaml import YAMLError

    from crosstree.adapters.client import Api


def validate(
    file: Annotated[
        list[str], typer.Option("-f", "--filename", help="YAML or JSON file, folder, or - for stdin.")
    ],
    server: Annotated[
        bool, typer.Option("--server", help="Also ask the API server, without storing anything.")
    ] = False,
    namespace: Namespace = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Check objects of Crosstree without applying them. Exit code 1 if any is bad."""
    results: list[Json] = []
    for name, raw in objects(file):
        errors = _errors(raw) if _ours(raw) else []
        results.append(
            {"file": name, "object": _title(raw), "checked": _ours(raw), "errors": errors, "raw": raw}
        )
    if server:
        talk(kubeconfig, context, lambda api: _ask(api, results, namespace or "default"))
    for result in results:
        del result["raw"]
    bad = [result for result in results if result["errors"]]
    if output is not Format.TABLE:
        emit(results, output)
    else:
        screen = console(no_color=no_color)
        for result in results:
            word, style = ("bad", "red") if result["errors"] else ("ok", "green")
            if not result["checked"]:
                word, style = "skipped (not of Crosstree)", "dim"
            screen.print(f"{result['file']}: {result['object']}: {word}", style=style, markup=False)
            for error in result["errors"]:
                screen.print(f"  {error}", markup=False, soft_wrap=True)
        screen.print(f"{len(results)} object{'' if len(results) == 1 else 's'}, {len(bad)} bad.")
    if bad:
        raise typer.Exit(1)


def objects(files: list[str]) -> list[tuple[str, Json]]:
    """Read every document of every file, in order; a List counts as its items.

    Raises:
        SettingsError: a file can't be read, is no YAML, or all of them hold nothing.
    """
    found = documents(files, "-f")
    if not found:
        raise SettingsError(f"nothing to check in {', '.join(files)}.")
    return found


def documents(files: list[str], option: str) -> list[tuple[str, Json]]:
    """Read every document of every file, in order, which may be none; a List counts as its items.

    Args:
        files: Files or folders; `-` for stdin.
        option: By which they were named, for the text of an error.

    Raises:
        SettingsError: a file can't be read, or is no YAML.
    """
    import yaml

    found: list[tuple[str, Json]] = []
    for name in files:
        for source, text in _texts(name, option):
            try:
                read = list(yaml.safe_load_all(text))
            except yaml.YAMLError as error:
                raise SettingsError(f"{source} is not YAML: {_flaw(error)}") from error
            for document in read:
                if document is None:
                    continue
                if not isinstance(document, dict):
                    raise SettingsError(
                        f"{source} holds a {type(document).__name__}, not an object with a kind."
                    )
                items = document.get("items") if document.get("kind") == "List" else [document]
                found += [(source, item) for item in items or () if isinstance(item, dict)]
    return found


def _flaw(error: YAMLError) -> str:
    """Say what is wrong with a YAML text and where in it, in one line."""
    from yaml import MarkedYAMLError

    if not isinstance(error, MarkedYAMLError):
        # The reader was handed a text and knows no file; it is named already.
        return " ".join(str(error).split()).replace('in "<unicode string>", ', "at ")
    parts = ((error.context, error.context_mark), (error.problem, error.problem_mark))
    return ": ".join(
        f"{text} at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else text
        for text, mark in parts
        if text
    )


def _texts(name: str, option: str) -> list[tuple[str, str]]:
    if name == "-":
        return [("stdin", sys.stdin.read())]
    path = Path(name)
    try:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml", ".json"))
            return [(str(each), each.read_text()) for each in inside]
        return [(name, path.read_text())]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{option} {name} can't be read: {error}. Name a YAML or JSON file, a folder of them, or - for stdin."
        ) from error


def _errors(raw: Json) -> list[str]:
    """Say what is wrong with an object of ours: what the API server would refuse, else what the operator would."""
    from crosstree import translate
    from crosstree.api.v1alpha1.validate import check

    if problems := [problem.message for problem in check([raw])]:
        return problems
    read = {
        "AICluster": translate.cluster,
        "AcceleratorPool": translate.pool,
        "JobQueue": translate.queue,
        "TrainingJob": translate.job,
    }
    try:
        read[str(raw["kind"])](raw)
    except SpecError as error:
        return [str(error)]
    return []


def _ours(raw: Json) -> bool:
    return str(raw.get("apiVersion", "")).startswith(f"{GROUP}/")


def _title(raw: Json) -> str:
    metadata = raw.get("metadata") or {}
    name = metadata.get("name") or metadata.get("generateName") or "without a name"
    return f"{raw.get('kind', 'no kind')} {name}"


async def _ask(api: Api, results: list[Json], namespace: str) -> None:
    """Ask for a dry run of each object and keep what the server says."""
    from crosstree.api.v1alpha1.kinds import KINDS

    for result in results:
        raw = result["raw"]
        model = KINDS.get(str(raw.get("kind")))
        if model is None or not result["checked"] or result["errors"]:
            continue
        metadata = raw.get("metadata") or {}
        where = f"/namespaces/{metadata.get('namespace', namespace)}" if model.NAMESPACED else ""
        try:
            await api.request(
                "PATCH", f"{OURS}{where}/{model.PLURAL}/{metadata.get('name', '')}",
                query={"dryRun": "All", "fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"},
                body=json.dumps(raw).encode(), content_type="application/apply-patch+yaml",
            )  # fmt: skip
        except (Refused, NotFound) as error:
            result["errors"].append(str(error))
