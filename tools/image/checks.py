"""Looks at a finished root file system: is every library there, and does the operator start?"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tools.image import elf, python
from tools.image.facts import ImageError, Release


def libraries(roots: Sequence[Path]) -> int:
    """Check that every library needed by a file of `roots`, laid over each other, is in one of them.

    Returns:
        How many files were looked at.
    """
    files = [path for root in roots for path in _files(root)]
    present = {path.name for path in files}
    missing = {
        path: lost for path in files if (lost := [name for name in elf.needed(path) if name not in present])
    }
    if missing:
        lines = [f"{path} needs {', '.join(lost)}" for path, lost in sorted(missing.items())]
        raise ImageError(
            "\n".join([*lines, "Add the Debian packages that hold these, or leave the files out."])
        )
    return len(files)


def starts(roots: Sequence[Path], release: Release) -> float:
    """Run `crosstree --version` with the image's interpreter and packages; return the seconds it took."""
    base = roots[0]
    sites = [root / python.SITE for root in roots[1:]]
    command = roots[-1] / "usr" / "local" / "bin" / "crosstree"
    began = time.monotonic()
    said = python.run(base, [str(command), "--version"], sites).strip()
    took = time.monotonic() - began
    if said != f"crosstree {release.version}":
        raise ImageError(f"`crosstree --version` in the image says {said!r}, not {release.version}.")
    python.run(base, [str(command), "run", "--help"], sites)
    return took


def size(root: Path) -> int:
    """Bytes of all files in `root`."""
    return sum(path.lstat().st_size for path in _files(root))


def _files(root: Path) -> list[Path]:
    found = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
    return [path for path in found if path.is_file()]
