"""`python -m tools.image`: rootfs, archive or sbom. What each writes stands in docs/how-to/build-the-image.md."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from tools.image import checks, layers, oci, tree
from tools.image.facts import ROOT, USER, ImageError, Release, architecture, release

OUT = ROOT / "out"
MIB = 1 << 20
# Dockerfile and archive describe the same container: tests/unit/tools/test_dockerfile.py compares them.
CONFIG = {
    "User": f"{USER}:{USER}",
    "WorkingDir": "/",
    "Entrypoint": ["crosstree"],
    "Cmd": ["run"],
    "Env": [
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
        "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
    ],
}


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=__doc__)
    parser.add_argument("what", choices=("rootfs", "archive", "sbom"))
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to (default: out)")
    chosen = parser.parse_args()
    try:
        made = release()
        folder = chosen.out / "image"
        tree.make(folder, made, _tell)
        roots = [folder / name for name in tree.LAYERS]
        count = checks.libraries(roots)
        took = checks.starts(roots, made)
        _tell(f"{count} files, no library missing; `crosstree --version` answers in {took:.2f} s")
        if chosen.what == "archive":
            write_archive(made, roots, chosen.out)
        if chosen.what != "rootfs":
            write_sbom(made, roots[-1], chosen.out)
            write_sums(made, chosen.out)
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def annotated(made: Release) -> dict[str, str]:
    """Say what the image is, in the words of the OCI specification."""
    said = {
        "title": "crosstree",
        "description": "Accelerator pools and topology-aware gang scheduling of training jobs for Kubernetes",
        "version": made.version,
        "created": made.stamp,
        "licenses": "Apache-2.0",
    }
    if made.revision:
        said["revision"] = made.revision
    return {f"org.opencontainers.image.{key}": value for key, value in said.items()}


def write_archive(made: Release, roots: list[Path], out: Path) -> str:
    """Write the OCI archive and the file that holds its digest; return the digest."""
    packed = [layers.layer(root) for root in roots]
    image = oci.Image(
        name=made.name,
        layers=packed,
        config=CONFIG,
        architecture=architecture(),
        created=made.stamp,
        annotations=annotated(made),
    )
    target = out / f"crosstree-{made.version}.oci.tar"
    digest = oci.write(image, target)
    (out / f"crosstree-{made.version}.digest").write_text(f"{made.name}@{digest}\n")
    for root, layer in zip(roots, packed, strict=True):
        _tell(f"{layer.name:<12} {checks.size(root) / MIB:6.1f} MiB, packed {len(layer.blob) / MIB:5.1f} MiB")
    _tell(f"{made.name}@{digest}")
    _tell(f"{target} ({target.stat().st_size / MIB:.1f} MiB)")
    return digest


def write_sbom(made: Release, own: Path, out: Path) -> None:
    """Copy the bill of materials out of the image, so that both are the same bytes."""
    target = out / f"crosstree-{made.version}.cdx.json"
    shutil.copyfile(own / tree.SBOM_FOLDER / "crosstree.cdx.json", target)
    _tell(str(target))


def write_sums(made: Release, out: Path) -> None:
    """Write SHA256SUMS of what there is, to be read by `sha256sum --check`."""
    names = [f"crosstree-{made.version}.{end}" for end in ("cdx.json", "digest", "oci.tar")]
    files = [out / name for name in names if (out / name).exists()]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (out / "SHA256SUMS").write_text("".join(lines))


def _tell(line: str) -> None:
    print(f"image: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
