"""Container images without a registry: write an archive from files, import an archive into a node's containerd."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.realnode import config
from localcluster.realnode.network import run
from localcluster.realnode.plan import Plan

_OCI = "application/vnd.oci.image"
_GO_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}


def write(archive: Path, name: str, files: Mapping[str, Path], entrypoint: Sequence[str]) -> None:
    """Write an OCI archive with one layer, not compressed; the same files give the same bytes.

    Args:
        archive: The file to write.
        name: Image name with a tag other than "latest", or kubelet would try to pull it.
        files: Source of every file in it by its path in the image, for example {"bin/pause": …}. All executable.
        entrypoint: What a container of it runs.
    """
    layer = _layer(files)
    architecture = _GO_ARCH.get(platform.machine(), platform.machine())
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    settings = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": blob(json.dumps(settings).encode(), "config.v1+json"),
        "layers": [blob(layer, "layer.v1.tar")],
    }
    described = {
        **blob(json.dumps(manifest).encode(), "manifest.v1+json"),
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        },
        "platform": {"architecture": architecture, "os": "linux"},
    }
    index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": [described]}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", json.dumps(index).encode())
        for path, content in sorted(blobs.items()):
            _add(tar, path, content)


def _layer(files: Mapping[str, Path]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        folders = {str(parent) for path in files for parent in Path(path).parents if str(parent) != "."}
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, source in sorted(files.items()):
            _add(tar, path, source.read_bytes(), mode=0o755)
    return held.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def write_own(plan: Plan) -> None:
    """Write the images every real node has: the one that holds pods together, and one to say hello with."""
    folder = kept(plan)
    folder.mkdir(exist_ok=True)
    for program, name in (("pause", config.PAUSE), ("hello", config.HELLO)):
        write(
            folder / f"{program}.tar", name, {f"bin/{program}": plan.node_bin / program}, [f"/bin/{program}"]
        )


def kept(plan: Plan) -> Path:
    """Folder of the archives that every node imports, those started later too."""
    return plan.folder / "images"


def bring(plan: Plan, name: str) -> None:
    """Import into a running node's containerd every kept archive that it has not imported before.

    Raises:
        LocalClusterError: containerd refused one.
    """
    done = plan.home(name) / "imported.json"
    had: list[str] = json.loads(done.read_text()) if done.exists() else []
    for archive in sorted(kept(plan).glob("*.tar"), key=lambda file: file.stat().st_mtime_ns):
        mark = f"{archive.name} {archive.stat().st_mtime_ns}"
        if mark not in had:
            _import(plan.socket(name), archive)
            had.append(mark)
    done.write_text(json.dumps(had))


def _import(socket: Path, archive: Path) -> None:
    try:
        run("ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", str(archive))
    except LocalClusterError as error:
        raise LocalClusterError(f"image archive {archive.name} cannot be imported: {error}") from error
