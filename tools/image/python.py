"""The Python part of the image: pinned wheels, our own package, and bytecode made by the image's own interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.image.facts import ROOT, ImageError, Release

VERSION = "3.11"  # Debian bookworm's
SITE = Path("usr/local/lib/python3.11/dist-packages")  # on Debian's sys.path without being asked for
STANDARD_LIBRARY = Path("usr/lib/python3.11")
NEWEST_GLIBC = 36  # bookworm has 2.36; a wheel for a newer one would not load

# Files that only compilers, type checkers and other people's test runners read.
NEEDLESS = ("*.pyi", "*.pxd", "*.pyx", "*.a", "*.h", "*.c", "*.cpp")
NEEDLESS_FOLDERS = ("tests", "__pycache__")
# Models of every kind of Kubernetes: loaded one by one when asked for, which Crosstree never does (it reads raw
# bytes, decision 0003). Their bytecode would be a third of the image; without it they can still be imported.
UNCOMPILED = ("kubernetes/client/models", "kubernetes/client/api", "kubernetes/aio/client/models",
              "kubernetes/aio/client/api",
              "torch/testing/_internal")  # torch's own tests, some in the syntax of a newer Python  # fmt: skip


def add_requirements(requirements: Path, root: Path) -> None:
    """Install exactly the wheels that `requirements` pins, by hash, for the image's Python and not for ours."""
    target = root / SITE
    install(requirements, target)
    trim(target)


def install(requirements: Path, target: Path) -> None:
    """Let pip put the pinned wheels into `target`: nothing compiled, nothing resolved, nothing unhashed.

    Raises:
        ImageError: pip said no; its words are passed on.
    """
    machine = os.uname().machine
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 4, -1)]
    platforms += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--implementation", "cp"),
        *("--python-version", VERSION, "--abi", "cp311", "--abi", "abi3", "--abi", "none"),
        *(word for platform in (*platforms, "any") for word in ("--platform", platform)),
        *("--upgrade", "--target", str(target), "--requirement", str(requirements)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"pip could not install {requirements.name}:\n{done.stderr.strip()}")
    shutil.rmtree(target / "bin", ignore_errors=True)  # scripts that would start this machine's Python


def trim(site: Path) -> None:
    """Delete what no running program reads."""
    for folder in [path for name in NEEDLESS_FOLDERS for path in site.rglob(name) if path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)
    for file in [path for pattern in NEEDLESS for path in site.rglob(pattern)]:
        file.unlink()


def add_crosstree(release: Release, root: Path, source: Path = ROOT) -> None:
    """Copy our package and its command into `root`, with the metadata by which scanners know it."""
    site = root / SITE
    package = source / "operator" / "crosstree"
    shutil.copytree(package, site / "crosstree", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"crosstree-{release.version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: crosstree\nVersion: {release.version}\nLicense-Expression: Apache-2.0\n"
    )
    shutil.copy(source / "LICENSE", info / "LICENSE")
    command = root / "usr" / "local" / "bin" / "crosstree"
    command.parent.mkdir(parents=True)
    command.write_text(
        "#!/usr/bin/python3.11\nimport sys\n\nfrom crosstree.cli.main import entry\n\nsys.exit(entry())\n"
    )
    command.chmod(0o755)


def compile_tree(base: Path, root: Path, folders: Iterable[Path], *, seen_as: str = "/") -> None:
    """Write the bytecode of `root`/folder with the interpreter in `base`, the same bytes for the same sources.

    In tracebacks `root` is called `seen_as`: the place where a container finds it.

    The bytecode is never checked against its source: in an image neither changes, and times are all the same.
    """
    skipped = "|".join(UNCOMPILED)
    for folder in folders:
        run(
            base,
            [
                *("-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-j", "1"),
                *("-s", str(root), "-p", seen_as, "-x", f"({skipped})/", str(root / folder)),
            ],
        )


def run(base: Path, arguments: Sequence[str], paths: Sequence[Path] = ()) -> str:
    """Run the interpreter of the root file system `base`, without root and without entering it.

    Args:
        base: Root file system that holds Python; its own loader and libraries are used.
        arguments: Arguments of python3.11.
        paths: Further folders to import from.

    Returns:
        What it printed.

    Raises:
        ImageError: it ended with another exit code than 0.
    """
    loaders = sorted(base.glob("usr/lib*/ld-linux*"))
    libraries = sorted(path for path in (base / "usr" / "lib").glob("*-linux-gnu") if path.is_dir())
    if not loaders or not libraries:
        raise ImageError(f"{base} holds no C library; make it anew.")
    environment = {
        "PYTHONHOME": str(base / "usr"),
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "LC_ALL": "C.UTF-8",
        "PATH": "/nonexistent",
    }
    command = [str(loaders[0]), "--library-path", ":".join(map(str, libraries))]
    command += [str(base / "usr" / "bin" / "python3.11"), "-s", "-B", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(
            f"the image's python3.11 {' '.join(arguments)} failed:\n{(done.stderr or done.stdout).strip()}"
        )
    return done.stdout
