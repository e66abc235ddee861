"""Who may import whom. The table is docs/explanation/architecture.md made executable."""

from __future__ import annotations

import sys

from tests.architecture.source import Module, modules, report

LEVELS = {
    "base": 0,
    "core": 1,
    "catalog": 2,
    "frameworks": 2,
    "api": 2,
    "manifests": 3,
    "status": 3,
    "translate": 3,
    "engine": 4,
    "telemetry": 4,
    "settings.py": 4,
    "adapters": 5,
    "sim": 5,
    "reconcilers": 6,
    "controllers": 7,
    "cli": 8,
    "app.py": 8,
}
"""Every folder and file directly under `crosstree`, with its level."""

COMPOSITION_ROOT = "app.py"
"""`crosstree run` starts the composition root, so the command line may import it although both are at the top."""

ONLY_IN = {
    "kopf": {"controllers", "app.py"},
    "kubernetes": {"adapters"},
    "prometheus_client": {"telemetry"},
    "pydantic": {"api", "settings.py"},
    "pydantic_core": {"api"},
    "pydantic_settings": {"settings.py"},
    "numpy": {"core", "sim"},
    "matplotlib": {"sim"},
    "pyarrow": {"sim"},
    "typer": {"cli"},
    "rich": {"cli"},
    "aiohttp": {"adapters", "telemetry"},
    "msgspec": {"adapters", "cli"},
    "yaml": {"adapters", "api", "catalog", "cli"},
}
"""Third-party packages and the areas that may import them. A package that is not here is used nowhere."""

OUTSIDE_LEVELS = {"__init__.py", "__main__.py"}


def test_every_folder_of_the_package_has_a_level() -> None:
    unknown = sorted({module.area for module in modules()} - LEVELS.keys() - OUTSIDE_LEVELS)
    assert not unknown, f"give these a level in {__name__}.LEVELS and in the architecture page: {unknown}"


def test_lower_levels_never_import_higher_ones_and_equals_never_import_each_other() -> None:
    breaches = [
        module.at(
            node, f"{module.area} (level {LEVELS[module.area]}) imports {target} (level {LEVELS[target]})"
        )
        for module in modules()
        if module.area in LEVELS
        for node, name in module.imports()
        if (target := _area_of(name)) and target != module.area and not _may_import(module.area, target)
    ]
    assert not breaches, report("an import points up or sideways:", breaches)


def test_foreign_packages_stay_in_the_folders_that_own_them() -> None:
    breaches = [
        module.at(
            node,
            f"imports {top}, which belongs in {', '.join(sorted(ONLY_IN.get(top, set()))) or 'nothing yet'}",
        )
        for module in modules()
        for node, name in module.imports()
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names
        and top != "crosstree"
        and module.area not in ONLY_IN.get(top, set())
    ]
    assert not breaches, report("a library leaks out of its folder:", breaches)


def test_the_package_never_imports_what_is_for_development_only() -> None:
    breaches = [
        module.at(node, f"imports {name}")
        for module in modules()
        for node, name in module.imports()
        if name.partition(".")[0] in {"localcluster", "bench", "tests", "tools", "demo"}
    ]
    assert not breaches, report("these are not in the wheel:", breaches)


def test_base_uses_the_standard_library_only() -> None:
    breaches = [
        module.at(node, f"imports {name}")
        for module in _of("base")
        for node, name in module.imports()
        if name.partition(".")[0] not in sys.stdlib_module_names | {"crosstree"}
    ]
    assert not breaches, report("base/ stands on nothing:", breaches)


def _may_import(source: str, target: str) -> bool:
    if source == "cli" and target == COMPOSITION_ROOT:
        return True
    return LEVELS[target] < LEVELS[source]


def _area_of(name: str) -> str | None:
    """Return the area of an imported `crosstree` module; None for anything else and for the bare package."""
    parts = name.split(".")
    if parts[0] != "crosstree" or len(parts) == 1:
        return None
    if parts[1] in LEVELS:
        return parts[1]
    return f"{parts[1]}.py" if f"{parts[1]}.py" in LEVELS else None


def _of(*areas: str) -> list[Module]:
    return [module for module in modules() if module.area in areas]
