"""Pin requirements/*.in to versions and hashes.

The output names no index and no path, so that it reads the same whoever made it and installs from any mirror.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
FLAGS = (
    "--quiet",
    "--upgrade",
    "--generate-hashes",
    "--allow-unsafe",
    "--strip-extras",
    "--no-header",
    "--no-emit-options",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
)


# What torch imports on a CPU. The rest of what it asks for is for GPUs, and replaced by tools/trainer/stubs.py.
KEPT = {
    "torch": {"filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "numpy", "nvidia-cuda-runtime",
              "sympy", "torch", "typing-extensions"},
}  # fmt: skip


def main() -> int:
    """Write run.txt, then the others, which are constrained by it."""
    # Wheels lying about on this machine would add hashes that nobody else can get.
    environment = {key: value for key, value in os.environ.items() if key != "PIP_FIND_LINKS"}
    for name in ("run", "dev", "audit", "torch"):
        command = [sys.executable, "-m", "piptools", "compile", *FLAGS, "-o", f"{name}.txt", f"{name}.in"]
        subprocess.run(command, cwd=FOLDER, env=environment, check=True)
        pinned = FOLDER / f"{name}.txt"
        head = (
            f"# Every package of requirements/{name}.in with its version and hashes."
            " Made by `make lock`; edit the .in file, not this one.\n"
        )
        pinned.write_text(head + only(pinned.read_text(), KEPT.get(name)))
        print(f"{pinned.name}: {pinned.read_text().count('==')} packages")
    return 0


def only(text: str, names: set[str] | None) -> str:
    """Leave the entries of `names` in a requirements file, or all of them if there are none to choose."""
    if names is None:
        return text
    entries = re.split(r"^(?=[A-Za-z0-9#])", text, flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.split("==")[0] in names).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
