"""Where time, chance, logging and start-up work may be, and where not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

from tests.architecture.source import OPERATOR, PACKAGE, ROOT, Module, modules, report, top_level

CLOCK_HOLDERS = {PACKAGE / "base" / "clock.py", PACKAGE / "app.py"}
CLOCK_MODULES = {"time", "random", "secrets"}
CLOCK_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom"}
SILENT = {"core", "manifests", "status", "frameworks"}
ASKS_THE_WORLD = {"getenv", "environ", "open", "print", "read_text", "read_bytes", "basicConfig", "run"}


def test_the_wall_clock_and_chance_stay_in_base_clock_and_app() -> None:
    breaches = [
        breach for module in modules() if module.path not in CLOCK_HOLDERS for breach in _clock_uses(module)
    ]
    assert not breaches, report("time is passed in, never read:", breaches)


def test_deciding_folders_do_not_log() -> None:
    breaches = [
        module.at(node, f"imports {name}")
        for module in modules()
        if module.area in SILENT
        for node, name in module.imports()
        if name.partition(".")[0] in {"logging", "warnings", "structlog"}
    ]
    breaches += [
        module.at(node, "prints")
        for module in modules()
        if module.area in SILENT
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not breaches, report(
        "core, manifests, status and frameworks return explanations; the shell logs:", breaches
    )


def test_deciding_folders_do_no_io() -> None:
    breaches = [
        module.at(node, f"imports {name}")
        for module in modules()
        if module.area in SILENT | {"base"}
        for node, name in module.imports()
        if name.partition(".")[0]
        in {"asyncio", "socket", "subprocess", "http", "urllib", "threading", "os", "pathlib"}
    ]
    assert not breaches, report("these folders are functions of their arguments:", breaches)


def test_no_module_asks_the_world_at_import() -> None:
    breaches = [
        module.at(node, f"uses {name} at import")
        for module in modules()
        for node in top_level(module.tree)
        if (name := _called(node)) in ASKS_THE_WORLD and not _is_main_guard(module)
    ]
    assert not breaches, report("nothing runs at import:", breaches)


def test_importing_every_module_touches_neither_network_nor_processes_nor_our_data() -> None:
    names = [module.name for module in modules() if module.path.name != "__main__.py"]
    done = subprocess.run(
        [sys.executable, "-B", "-c", _IMPORT_ALL, str(PACKAGE), *names],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(OPERATOR), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"importing is not quiet:\n{done.stderr[-3000:]}"
    assert done.stdout == "", f"importing prints:\n{done.stdout[-2000:]}"


_IMPORT_ALL = """
import importlib, os, sys
package, names = sys.argv[1], sys.argv[2:]

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec"):
        raise RuntimeError(f"{event} {arguments!r} while importing")
    if event == "open":
        path, mode = str(arguments[0]), arguments[1] or "r"
        if any(letter in mode for letter in "wax+") and path != os.devnull:
            raise RuntimeError(f"writes {path} while importing")
        if path.startswith(package) and not path.endswith((".py", ".pyc")):
            raise RuntimeError(f"reads {path} while importing")

sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
"""


def _clock_uses(module: Module) -> list[str]:
    found = [
        module.at(node, f"imports {name}")
        for node, name in module.imports()
        if name.partition(".")[0] in CLOCK_MODULES
    ]
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attr) if attr in CLOCK_CALLS and owner in (
                "datetime",
                "date",
                "uuid",
                "os",
            ):
                found.append(module.at(node, f"uses {owner}.{attr}"))
            case ast.ImportFrom(module="uuid", names=names) if any(
                alias.name in CLOCK_CALLS for alias in names
            ):
                found.append(module.at(node, "imports from uuid"))
            case _:
                pass
    return found


def _called(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case ast.Attribute(value=ast.Name(id="os"), attr="environ"):
            return "environ"
        case _:
            return None


def _is_main_guard(module: Module) -> bool:
    return module.path.name == "__main__.py"
