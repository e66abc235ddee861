"""Libraries that hold nothing but names, in the place of GPU libraries that torch is linked against.

The wheel of torch that package indexes carry is the CUDA one. Its libraries want a dozen others, 4 GB of them, before a
single tensor is made, even on a CPU. Here each is replaced by one that defines the symbols torch asks for, under
the versions it asks for them; calling one ends the process, and on a CPU nobody does.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tools.image import elf
from tools.image.facts import ImageError

# Names by which the replaced libraries export; the CUDA runtime itself (cudaMalloc, ...) is there for real.
FOREIGN = re.compile(r"(cu(blas|dnn|fft|sparse|solver|pti|File)|p?nccl|nvrtc|nvshmem)[A-Z_a-z]")
LINE = re.compile(r"^\s+[UwV]\s+(?P<name>\w+)(?:@@?(?P<version>\S+))?$")
FOLDER = Path("torch/lib")  # torch's libraries look beside themselves first


def add(site: Path, present: Iterable[str]) -> list[str]:
    """Put a stub for each missing library that torch in `site` needs beside torch's own.

    Args:
        site: A site-packages folder with torch in it.
        present: Names of libraries that the image has.

    Returns:
        Names of the libraries that were replaced.

    Raises:
        ImageError: no C compiler.
    """
    linked = sorted((site / FOLDER).glob("*.so*"))
    there = {path.name for path in site.rglob("*.so*")} | set(present)
    missing = sorted({name for file in linked for name in elf.needed(file)} - there)
    if missing:
        _build([site / FOLDER / name for name in missing], wanted(linked))
    return missing


def wanted(files: Iterable[Path]) -> dict[str, str]:
    """Collect the foreign symbols that `files` leave undefined, and the version each is wanted under, or ""."""
    found: dict[str, str] = {}
    for file in files:
        for line in _run(["nm", "-D", "--undefined-only", str(file)]).splitlines():
            match = LINE.match(line)
            if match and FOREIGN.match(match["name"]):
                found[match["name"]] = match["version"] or found.get(match["name"], "")
    return found


def _build(targets: Sequence[Path], symbols: Mapping[str, str]) -> None:
    """Link every target from the same source, under its own name.

    All hold all symbols and all versions: the loader takes the first that has what it looks for, so nobody needs to
    know which library a symbol belongs to.
    """
    versions: defaultdict[str, list[str]] = defaultdict(list)
    for name, version in sorted(symbols.items()):
        if version:
            versions[version].append(f"{name};")
    with tempfile.TemporaryDirectory() as folder:
        source, script, compiled = Path(folder, "stub.c"), Path(folder, "stub.map"), Path(folder, "stub.o")
        bodies = [f"void {name}(void) {{ abort(); }}" for name in sorted(symbols)]
        source.write_text("\n".join(["#include <stdlib.h>", *bodies, ""]))
        script.write_text(
            "".join(f'"{version}" {{ global: {" ".join(names)} }};\n' for version, names in versions.items())
        )
        _run(["gcc", "-c", "-fPIC", "-o", str(compiled), str(source)])
        flags = [f"-Wl,--version-script={script}"] if versions else []
        for target in targets:
            _run(["gcc", "-shared", f"-Wl,-soname,{target.name}", *flags, "-o", str(target), str(compiled)])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ImageError(f"{command[0]} is not on the PATH; install gcc and binutils.") from error
    if done.returncode:
        raise ImageError(f"{' '.join(command[:4])} … failed:\n{done.stderr.strip()[:2000]}")
    return done.stdout
