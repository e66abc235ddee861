"""`make verify`: fail if a generated file differs from what the code makes. `--write` brings them up to date."""

from __future__ import annotations

import argparse
import difflib
import sys

from tools import generated

SHOWN = 40
"""Lines of a difference that are printed; more would bury the next one."""


def main() -> int:
    """Compare or write every generated file; exit code 1 if something differs and nothing was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what differs")
    write = parser.parse_args().write
    stale = [page for page in generated.pages() if not _fresh(page, write=write)]
    strays = generated.strays()
    for name in strays:
        print(f"{name}: made by no code; delete it", file=sys.stderr)
    if strays or (stale and not write):
        print("Run `make generate` and commit what it wrote.", file=sys.stderr)
        return 1
    return 0


def _fresh(page: generated.Page, *, write: bool) -> bool:
    target = generated.ROOT / page.path
    old = target.read_text() if target.exists() else ""
    new = page.text()
    if old == new:
        return True
    if write:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(new)
        print(f"{page.path}: written")
        return False
    difference = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{page.path} on disk", f"{page.path} from the code", lineterm=""
    )
    print("\n".join(list(difference)[:SHOWN]), file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main())
