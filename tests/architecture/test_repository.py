"""What a reader of the repository may rely on: sizes, links, generated files, no leftovers."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from localcluster.realnode.requirements import PACKAGES
from tests.architecture.source import OPERATOR, PACKAGE, ROOT, modules, report
from tools import generated

LONGEST_FILE = 300
LONGEST_README = 150
TEXT = (".py", ".md", ".yaml", ".toml", ".sh", ".in", ".txt", ".go")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
NAMED_PATH = re.compile(r"`([\w.-]+/[\w./-]*)`")
HEADING = re.compile(r"^#{1,6}\s+(.*)$", re.MULTILINE)
LEFTOVER = re.compile(rf"\b({'|'.join(word.upper() for word in ('todo', 'fixme', 'xxx'))})\b")
MACHINE_PATH = re.compile(r"(?<![\w.~}-])/(work|root|home|tmp)/\w")


def test_the_source_root_is_not_a_package() -> None:
    assert not (OPERATOR / "__init__.py").exists(), "operator/__init__.py would shadow the standard library"


def test_no_source_file_is_longer_than_a_reader_likes() -> None:
    breaches = [
        module.at(1, f"has {len(module.text.splitlines())} lines; what is its second idea?")
        for module in modules()
        if len(module.text.splitlines()) > LONGEST_FILE
    ]
    assert not breaches, report(f"at most {LONGEST_FILE} lines a file:", breaches)


def test_every_public_function_class_and_module_says_what_it_is_for() -> None:
    breaches = []
    for module in modules():
        if module.text.strip() and not ast.get_docstring(module.tree):
            breaches.append(module.at(1, "has no module docstring"))
        for scope in [module.tree, *(node for node in module.tree.body if isinstance(node, ast.ClassDef))]:
            if isinstance(scope, ast.ClassDef) and scope.name.startswith("_"):
                continue
            breaches += [
                module.at(node, f"{node.name} has no docstring")
                for node in scope.body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
                and not _overloads(node)
            ]
    assert not breaches, report("docstrings are for the caller:", breaches)


def test_nothing_is_left_for_later_in_the_code() -> None:
    breaches = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}"
        for path in _texts("operator", "localcluster", "bench", "tests", "docs", "tools", "demo", "examples")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LEFTOVER.search(line)
    ]
    assert not breaches, report("finish it, or file an issue:", breaches)


def test_no_path_of_one_machine_is_written_down() -> None:
    breaches = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:100]}"
        for path in _texts(
            "operator", "localcluster", "bench", "docs", "tools", "demo", "examples", "requirements"
        )
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not breaches, report("this exists on one machine only:", breaches)


@pytest.mark.parametrize("page", generated.pages(), ids=lambda page: str(page.path))
def test_generated_files_are_what_the_code_makes_now(page: generated.Page) -> None:
    target = ROOT / page.path
    assert target.exists(), f"{page.path} is missing: run `make generate`"
    assert target.read_text() == page.text(), f"{page.path} is out of date: run `make generate`"


def test_no_generated_file_outlives_its_source() -> None:
    assert not generated.strays(), "these are made by no code: delete them"


def test_every_link_in_the_docs_leads_somewhere() -> None:
    breaches = [breach for page in _pages() for breach in _broken_links(page)]
    assert not breaches, report("a page lies:", breaches)


def test_every_file_and_folder_that_the_docs_name_exists() -> None:
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    areas = {path.name for path in PACKAGE.iterdir()}
    breaches = []
    for page in _pages():
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for name in NAMED_PATH.findall(line):
                first = name.split("/")[0]
                base = ROOT if first in tops else PACKAGE if first in areas else None
                if base is not None and not (base / name).exists():
                    breaches.append(f"{page.relative_to(ROOT)}:{number} names {name}, which is not there")
    assert not breaches, report("a page lies:", breaches)


def test_every_page_of_the_docs_is_reachable_from_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / target.partition("#")[0]).resolve() for target in LINK.findall(index.read_text())
    }
    lost = [
        str(page.relative_to(ROOT))
        for page in (ROOT / "docs").rglob("*.md")
        if page != index and page not in linked
    ]
    assert not lost, report("link these from docs/README.md:", lost)


def test_the_readme_is_short() -> None:
    lines = len((ROOT / "README.md").read_text().splitlines())
    assert lines < LONGEST_README, f"README.md has {lines} lines; move something to docs/"


def test_make_targets_named_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    breaches = [
        f"{page.relative_to(ROOT)} names `make {name}`"
        for page in _pages()
        for name in re.findall(r"(?:^|`)make ([a-z][a-z0-9-]+)", page.read_text(), re.MULTILINE)
        if name not in targets
    ]
    assert not breaches, report("no such target:", breaches)


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\nmake test\n" in (ROOT / "README.md").read_text()
    run = (ROOT / ".ci" / "run").read_text()
    assert " make test " in run
    assert " make test-e2e " in run


def test_the_packages_that_ci_installs_are_those_that_real_nodes_ask_for() -> None:
    assert sorted(PACKAGES.split()) == (ROOT / "requirements" / "debian.txt").read_text().split()


def _texts(*folders: str) -> list[Path]:
    """List text files that git tracks or would track; so nothing built or ignored is read."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        path for line in listed.stdout.splitlines() if (path := ROOT / line).suffix in TEXT and path.is_file()
    ]


def _pages() -> list[Path]:
    return [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def _broken_links(page: Path) -> list[str]:
    broken = []
    for target in LINK.findall(_without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        where, _, anchor = target.partition("#")
        file = (page.parent / where).resolve() if where else page
        if not file.exists():
            broken.append(f"{page.relative_to(ROOT)}: {target} does not exist")
        elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
            broken.append(f"{page.relative_to(ROOT)}: {target} has no such heading")
    return broken


def _anchors(page: Path) -> set[str]:
    headings = HEADING.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def _overloads(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return any(
        "overload" in ast.dump(decorator) or "setter" in ast.dump(decorator)
        for decorator in node.decorator_list
    )
