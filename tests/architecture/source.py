"""The source tree as the rules see it: every module of `crosstree`, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = ROOT / "operator"
PACKAGE = OPERATOR / "crosstree"


@dataclass(frozen=True)
class Module:
    """One source file. `name` is dotted and starts with `crosstree`; `area` is its folder or file under it."""

    path: Path
    name: str
    area: str
    text: str
    tree: ast.Module

    def at(self, node: ast.AST | int, what: str) -> str:
        """Say where something is, as `file:line what`, so that an editor can jump there."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return f"{self.path.relative_to(ROOT)}:{line} {what}"

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Yield every imported module as (statement, absolute dotted name), wherever it stands in the file."""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        yield node, alias.name
                case ast.ImportFrom(module=module, level=0, names=names):
                    for alias in names:
                        # `from crosstree import translate` imports crosstree.translate.
                        yield node, f"{module}.{alias.name}" if module == "crosstree" else str(module)
                case ast.ImportFrom(module=module, level=level):
                    parent = package.split(".")[: len(package.split(".")) - level + 1]
                    yield node, ".".join([*parent, module] if module else parent)
                case _:
                    pass


def _area(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the package, in order of path."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(OPERATOR).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        text = path.read_text()
        found.append(Module(path, ".".join(parts), _area(path), text, ast.parse(text, str(path))))
    return tuple(found)


def top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every node that runs when the module is imported: all but the bodies of functions."""
    queue: list[ast.AST] = list(tree.body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                queue += [*node.decorator_list, *node.args.defaults, *[d for d in node.args.kw_defaults if d]]
            case ast.Lambda():
                pass
            case _:
                queue += list(ast.iter_child_nodes(node))


def report(rule: str, breaches: list[str]) -> str:
    """Return one readable failure: the rule, then a line per breach."""
    return f"{rule}\n" + "\n".join(f"  {breach}" for breach in breaches)
