"""A folder as a layer: a tar archive that depends on names, modes and contents, and on nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tools.image.facts import LAYER_TIME

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
COMPRESSION = 6


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer, compressed."""

    name: str
    blob: bytes
    diff_id: str  # digest of what is inside, uncompressed


def layer(root: Path) -> Layer:
    """Pack everything in `root`, owned by root, in the order of names, at LAYER_TIME."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted(root):
            _add(archive, path, path.relative_to(root).as_posix())
    content = packed.getvalue()
    return Layer(
        name=root.name,
        blob=gzip.compress(content, compresslevel=COMPRESSION, mtime=0),
        diff_id=digest(content),
    )


def digest(content: bytes) -> str:
    """Name content by its hash, as OCI does."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _sorted(root: Path) -> list[Path]:
    found = []
    for folder, folders, files in os.walk(root):
        found += [Path(folder, name) for name in (*folders, *files)]
    return sorted(found, key=lambda path: path.relative_to(root).parts)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    status = path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mtime = LAYER_TIME
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, os.readlink(path)
        archive.addfile(entry)
    elif stat.S_ISDIR(status.st_mode):
        # What the umask of the one who builds leaves away is no fact about the image.
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if status.st_mode & stat.S_ISVTX else 0o755
        archive.addfile(entry)
    else:
        entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        with path.open("rb") as content:
            archive.addfile(entry, content)
