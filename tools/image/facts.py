"""What an image is called and when it was made: version, revision, time, architecture. No file is written here."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# "localhost" is no registry: containerd, CRI-O and podman read it as "this machine", so that a tag which was never
# imported is an error at once and not a question to somebody else's registry.
HOST = "localhost"

# Times inside a layer are all the same, so that a layer changes with its files and with nothing else. 1980 is the
# first year that a zip file, and so zipimport, can tell.
LAYER_TIME = 315532800

USER = 65532  # "nonroot" of distroless images
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class ImageError(Exception):
    """An image can't be made; the text says what is missing and what would help."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """What this clone would be released as."""

    version: str
    revision: str  # commit, or "" outside a git clone
    created: int  # Unix time, seconds

    @property
    def stamp(self) -> str:
        """Time of making in RFC 3339, UTC."""
        return datetime.fromtimestamp(self.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def name(self) -> str:
        """Full image name that the archive is imported as."""
        return f"{HOST}/crosstree:{self.version}"


def release(root: Path = ROOT) -> Release:
    """Read version, commit and time of `root`.

    The time is SOURCE_DATE_EPOCH if set, else that of the last commit, else LAYER_TIME: never that of the clock.
    """
    text = (root / "operator" / "crosstree" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if not found:
        raise ImageError('operator/crosstree/__init__.py holds no line `__version__ = "…"`; put it back.')
    revision, _, seconds = _git(root, "log", "-1", "--format=%H %ct").partition(" ")
    if revision and _git(root, "status", "--porcelain", "--untracked-files=no"):
        revision += "-dirty"
    created = os.environ.get("SOURCE_DATE_EPOCH") or seconds or str(LAYER_TIME)
    if not created.isdigit():
        raise ImageError(f"SOURCE_DATE_EPOCH is {created!r}; it must be seconds since 1970, a whole number.")
    return Release(version=found[1], revision=revision, created=int(created))


def architecture() -> str:
    """Name of this machine's architecture as images and Debian spell it."""
    machine = os.uname().machine
    if machine not in MACHINES:
        raise ImageError(
            f"this machine is {machine}; images are made for {', '.join(sorted(set(MACHINES.values())))}."
        )
    return MACHINES[machine]


def cache() -> Path:
    """Folder for what is costly to make and safe to delete, shared with localcluster."""
    if named := os.environ.get("CROSSTREE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crosstree"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
