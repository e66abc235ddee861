"""The trainer image and its PyTorch, each made once and kept in the cache under the hash of what it is made of."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from tools.image import debian, layers, oci, python, tree
from tools.image.facts import HOST, LAYER_TIME, ROOT, Release, architecture, cache
from tools.trainer import stubs

NAME = f"{HOST}/crosstree-e2e-trainer:1"
MOUNTED_AT = "/opt/torch"
REQUIREMENTS = ROOT / "requirements" / "torch.txt"
SHELL = "busybox-static"
COMMANDS = (
    "cat",
    "env",
    "false",
    "hostname",
    "ls",
    "mkdir",
    "nslookup",
    "ps",
    "rm",
    "sh",
    "sleep",
    "touch",
    "true",
    "wget",
)
CONFIG = {
    "WorkingDir": "/",
    "Cmd": ["python3"],
    "Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONUNBUFFERED=1", f"PYTHONPATH={MOUNTED_AT}"],
}
# Headers, and tools that compile against them.
UNUSED = ("torch/include", "torch/share", "share", "include")


def image(tell: tree.Progress) -> Path:
    """Make the archive of the trainer image, imported as NAME; one that was made before is given back at once."""
    base, key = _base(tell)
    folder = cache() / "image" / f"trainer-{key}"
    archive = folder / "crosstree-e2e-trainer.oci.tar"
    if not archive.exists():
        shell = folder / "shell"
        tree.make_tree(shell, [SHELL], _add_commands, tell)
        stamp = Release(version="1", revision="", created=LAYER_TIME).stamp
        made = oci.Image(
            name=NAME,
            layers=[layers.layer(base), layers.layer(shell)],
            config=CONFIG,
            architecture=architecture(),
            created=stamp,
        )
        oci.write(made, archive)
    tell(f"{NAME}: {archive}")
    return archive


def torch(tell: tree.Progress) -> Path:
    """Make the folder that is mounted at MOUNTED_AT: torch for CPUs and what it imports, compiled."""
    base, _ = _base(tell)
    made_of = [REQUIREMENTS.read_bytes(), Path(stubs.__file__).read_bytes()]
    key = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:16]
    folder = cache() / "torch" / key
    site = folder / "site-packages"
    if not site.exists():
        unfinished = folder / f"unfinished-{os.getpid()}"
        tell("torch: installing, a minute or two")
        python.install(REQUIREMENTS, unfinished)
        for name in UNUSED:
            shutil.rmtree(unfinished / name, ignore_errors=True)
        replaced = stubs.add(unfinished, [path.name for path in base.rglob("*.so*")])
        tell(f"torch: {len(replaced)} GPU libraries replaced by stubs; compiling")
        python.compile_tree(base, unfinished, [Path()], seen_as=MOUNTED_AT)
        unfinished.rename(site)
    tell(f"torch: {site}")
    return site


def _base(tell: tree.Progress) -> tuple[Path, str]:
    """Make the root file system with Python, or take the one that is there, without asking a mirror again."""
    key = tree.digest_of([repr((debian.BASE, SHELL, COMMANDS, CONFIG)).encode()])[:16]
    base = cache() / "image" / f"base-{key}" / "base"
    if not base.with_name("base.key").exists():
        tree.make_base(base, debian.BASE, tell)
    return base, key


def _add_commands(root: Path) -> None:
    for name in COMMANDS:
        (root / "usr" / "bin" / name).symlink_to("busybox")
