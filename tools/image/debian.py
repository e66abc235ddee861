"""Debian packages: fetched with apt and unpacked with dpkg-deb, by an ordinary user and into an ordinary folder.

Nothing is installed: no maintainer script runs, and what those scripts would do that Crosstree needs (the bundle of
certificates, the links of a merged /usr) is done here in the open. apt's own lists of this machine are neither used
nor changed. apt checks signatures and hashes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.image.facts import ImageError

# What python3.11 loads, and no more: no shell, no package manager, nothing that runs but Python.
BASE = (
    "base-files",
    "ca-certificates",
    "libbz2-1.0",
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libssl3",
    "libstdc++6",
    "libuuid1",
    "python3.11-minimal",
    "zlib1g",
)
SUITE = "bookworm"

PROGRAMS = ("python", "busybox")  # what may stand in /usr/bin
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
KEPT = ("usr/share/common-licenses/", "usr/share/ca-certificates/")
DROPPED = (
    "etc/",  # written by us, see tree.py; what Debian puts there is for people who log in
    "boot/", "dev/", "home/", "media/", "mnt/", "opt/", "proc/", "root/", "run/", "srv/", "sys/", "tmp/", "var/",
    "usr/share/",
    "usr/games/", "usr/include/", "usr/local/", "usr/src/",
    "usr/sbin/",
    "usr/lib/python3.11/lib2to3/",
    "usr/lib/python3.11/pydoc_data/",
)  # fmt: skip
# Parts of the standard library whose own libraries are not in the image: a terminal, databases, NIS.
UNLOADABLE = (
    "_crypt",
    "_curses",
    "_curses_panel",
    "_dbm",
    "_gdbm",
    "_sqlite3",
    "_tkinter",
    "nis",
    "readline",
)


@dataclass(frozen=True, kw_only=True)
class Deb:
    """One Debian package file."""

    name: str
    version: str
    architecture: str
    source: str
    sha256: str
    file: Path
    control: str  # the control file, as dpkg and scanners read it


def fetch(names: Iterable[str], into: Path, state: Path) -> list[Deb]:
    """Download the newest version of each package from the Debian mirror that this machine is set up for.

    Args:
        names: Package names; what they depend on is not added.
        into: An empty folder for the package files.
        state: Folder of apt's lists, kept between runs.

    Raises:
        ImageError: no apt, another Debian than SUITE, no mirror, or no such package.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise ImageError(
                f"{tool} is not on the PATH. The image is made of Debian packages: run this on Debian {SUITE}, or"
                " build operator/Dockerfile with a container engine."
            )
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    apt = ["apt-get", "-qq", *_options(state)]
    with (state / "in-use").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # apt itself does not wait for another that uses these lists
        _run([*apt, "update"], into)
        _run([*apt, "download", *names], into)
    return sorted((read(file) for file in into.glob("*.deb")), key=lambda deb: deb.name)


def read(file: Path) -> Deb:
    """Read the control data of a package file."""
    control = _run(["dpkg-deb", "--field", str(file)], file.parent)
    fields = dict(
        line.split(": ", 1) for line in control.splitlines() if ": " in line and not line.startswith(" ")
    )
    return Deb(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        source=fields.get("Source", fields["Package"]).split(" ")[0],
        sha256=_sha256(file),
        file=file,
        control=control,
    )


def unpack(deb: Deb, root: Path) -> None:
    """Add the files of a package that a container needs to `root`, in the places of a merged /usr."""
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb.file)], stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as members,
    ):
        for member in members:
            where = place(member.name)
            if where is not None:
                _write(members, member, root / where)
    if process.returncode:
        raise ImageError(
            f"dpkg-deb could not read {deb.file.name}, exit code {process.returncode}; delete it."
        )
    # The way of distroless images: scanners look here for what a root file system without dpkg is made of.
    status = root / "var" / "lib" / "dpkg" / "status.d" / deb.name
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text(deb.control)


def place(name: str) -> PurePosixPath | None:
    """Tell where a package's file goes, or None if a container has no use for it.

    Copyright files always stay: Debian's packages may be given on only with them.
    """
    parts = PurePosixPath(name).parts
    parts = parts[1:] if parts[:1] in ((".",), ("/",)) else parts
    if not parts:
        return None
    if parts[0] in MERGED:
        parts = ("usr", *parts)
    path = "/".join(parts)
    if path.startswith("usr/share/doc/") and parts[-1] == "copyright":
        return PurePosixPath(path)
    if any(path.startswith(kept) for kept in KEPT):
        return PurePosixPath(path)
    if any(f"{path}/".startswith(dropped) for dropped in DROPPED):
        return None
    if "/gconv/" in f"{path}/" or (parts[:2] == ("usr", "bin") and not parts[-1].startswith(PROGRAMS)):
        return None
    if "lib-dynload" in parts and parts[-1].split(".")[0] in UNLOADABLE:
        return None
    return PurePosixPath(path)


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if member.issym():
        target.symlink_to(member.linkname)
        return
    content = members.extractfile(member)
    if content is None:
        raise ImageError(
            f"{member.name} is neither file, folder nor link; leave its package out of the image."
        )
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)


def _options(state: Path) -> list[str]:
    """Point apt at its own folders and at this machine's Debian sources, leaving other sources alone."""
    etc = Path("/etc/apt")
    named = os.environ.get("CROSSTREE_APT_SOURCES")
    candidates = [Path(named)] if named else [etc / "sources.list.d" / "debian.sources", etc / "sources.list"]
    sources = next((file for file in candidates if file.exists() and SUITE in file.read_text()), None)
    if sources is None:
        raise ImageError(
            f"{' and '.join(map(str, candidates))}: no Debian {SUITE} is named there. Set CROSSTREE_APT_SOURCES to a"
            " sources file that names it, or build operator/Dockerfile with a container engine."
        )
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Sandbox::User": "",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(
            f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stderr.strip()}"
        )
    return done.stdout


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
