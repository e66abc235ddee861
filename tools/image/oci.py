"""Writes an image as one file: an OCI image layout in a tar, which containerd, podman, skopeo and docker load.

Source: OCI image specification 1.1, image-layout.md, manifest.md, config.md, annotations.md. `manifest.json` is not
part of it: it is what `docker load` of engines without containerd's image store reads.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.image.facts import LAYER_TIME
from tools.image.layers import MEDIA_TYPE, Layer, digest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What goes into an archive."""

    name: str  # full name with tag
    layers: Sequence[Layer]
    config: Mapping[str, Any]  # the `config` object of an OCI config: Entrypoint, User, Env, ...
    architecture: str
    created: str  # RFC 3339
    annotations: Mapping[str, str] = field(default_factory=dict)


def write(image: Image, target: Path) -> str:
    """Write the archive and return the digest of its manifest, the one that `name@sha256:…` means."""
    blobs: dict[str, bytes] = {}

    def keep(content: bytes, media_type: str) -> dict[str, Any]:
        blobs[digest(content)] = content
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    platform: dict[str, Any] = {"architecture": image.architecture, "os": "linux"}
    config: dict[str, Any] = {
        "created": image.created,
        **platform,
        "config": {**image.config, "Labels": dict(image.annotations)},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in image.layers]},
        "history": [
            {"created": image.created, "created_by": f"tools.image {layer.name}"} for layer in image.layers
        ],
    }
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": keep(_json(config), CONFIG_TYPE),
        "layers": [keep(layer.blob, MEDIA_TYPE) for layer in image.layers],
        "annotations": dict(image.annotations),
    }
    described = keep(_json(manifest), MANIFEST_TYPE)
    # containerd and kind read the first name, podman and skopeo the second.
    names = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [{**described, "platform": platform, "annotations": names}],
    }
    legacy = [
        {
            "Config": _path(manifest["config"]["digest"]),
            "RepoTags": [image.name],
            "Layers": [_path(layer["digest"]) for layer in manifest["layers"]],
        }
    ]
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(legacy),
        **{_path(name): content for name, content in sorted(blobs.items())},
    }
    _pack(files, target)
    return str(described["digest"])


def _pack(files: Mapping[str, bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.part")
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, LAYER_TIME
            archive.addfile(entry, io.BytesIO(content))
    unfinished.replace(target)


def _path(name: str) -> str:
    return f"blobs/{name.replace(':', '/')}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
