"""The root file system, as three folders that are laid over each other: base, dependencies, crosstree.

Three, because they change at different speeds: a commit of ours changes only the last and smallest one.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tools.image import debian, python, sbom
from tools.image.debian import Deb
from tools.image.facts import ROOT, USER, ImageError, Release, cache

LAYERS = ("base", "dependencies", "crosstree")
REQUIREMENTS = ROOT / "requirements" / "run.txt"
SBOM_FOLDER = Path("usr/share/sbom")

PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/nonexistent:/sbin/nologin\n"
GROUP = f"root:x:0:\nnonroot:x:{USER}:\n"
BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")

Progress = Callable[[str], None]


def make(folder: Path, release: Release, tell: Progress) -> list[Deb]:
    """Make the three folders of LAYERS in `folder`; those whose inputs are unchanged stay as they are.

    Returns:
        The Debian packages in the base.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base, dependencies, own = (folder / name for name in LAYERS)
    debs = make_base(base, debian.BASE, tell)
    key = digest_of([REQUIREMENTS.read_bytes(), (folder / "base.key").read_bytes()])
    if not _is_current(dependencies, key):
        tell(f"dependencies: installing the packages of {REQUIREMENTS.relative_to(ROOT)}")
        python.add_requirements(REQUIREMENTS, dependencies)
        python.compile_tree(base, dependencies, [python.SITE])
        _stamp(dependencies, key)
    tell(f"crosstree: {release.version}")
    shutil.rmtree(own, ignore_errors=True)
    python.add_crosstree(release, own)
    python.compile_tree(base, own, [python.SITE])
    document = own / SBOM_FOLDER / "crosstree.cdx.json"
    document.parent.mkdir(parents=True)
    document.write_text(sbom.render(sbom.document(release, debs, dependencies / python.SITE, REQUIREMENTS)))
    return debs


def make_base(root: Path, packages: Iterable[str], tell: Progress) -> list[Deb]:
    """Make a root file system of Debian packages that runs Python and belongs to nobody."""

    def finish(made: Path) -> None:
        _complete(made)
        tell(f"{made.name}: compiling the standard library")
        python.compile_tree(made, made, [python.STANDARD_LIBRARY])

    return make_tree(root, packages, finish, tell)


def make_tree(
    root: Path, packages: Iterable[str], finish: Callable[[Path], None], tell: Progress
) -> list[Deb]:
    """Unpack the newest versions of Debian packages into `root`, unless just these are there already.

    Args:
        root: Folder to fill; it is emptied first.
        packages: Names of the packages.
        finish: Called with `root` when all are unpacked.
        tell: Called with a line of progress.

    Returns:
        The packages, in the order of their names.
    """
    names = sorted(packages)
    with tempfile.TemporaryDirectory() as temporary:
        tell(f"{root.name}: fetching {len(names)} Debian packages")
        debs = debian.fetch(names, Path(temporary), cache() / "image" / "apt")
        missing = set(names) - {deb.name for deb in debs}
        if missing:
            raise ImageError(f"apt found no {', '.join(sorted(missing))} in Debian {debian.SUITE}.")
        key = digest_of([deb.sha256.encode() for deb in debs])
        if not _is_current(root, key):
            root.mkdir(parents=True)
            _skeleton(root)
            for deb in debs:
                debian.unpack(deb, root)
            finish(root)
            _stamp(root, key)
    return debs


def _skeleton(root: Path) -> None:
    """Make the folders and links of a merged /usr."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")


def _complete(root: Path) -> None:
    """Add what a root file system has that comes from no package, or from a script of one."""
    for name in ("etc", "proc", "sys", "dev", "run", "tmp"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text(PASSWD)
    (root / "etc" / "group").write_text(GROUP)
    (root / "etc" / "nsswitch.conf").write_text("hosts: files dns\n")
    (root / "etc" / "os-release").symlink_to("../usr/lib/os-release")
    (root / "usr" / "bin" / "python3").symlink_to("python3.11")
    _certificates(root)


def _certificates(root: Path) -> None:
    """Join the certificates as update-ca-certificates would, in an order that does not depend on the disk."""
    shipped = root / "usr" / "share" / "ca-certificates"
    texts = [file.read_text().strip() for file in sorted(shipped.rglob("*.crt"))]
    (root / BUNDLE).parent.mkdir(parents=True)
    (root / BUNDLE).write_text("\n".join([*texts, ""]))
    shutil.rmtree(shipped)


def digest_of(parts: Iterable[bytes]) -> str:
    """Hash inputs, and the code that makes something of them."""
    code = [file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"\0".join([*code, *parts])).hexdigest()


def _is_current(root: Path, key: str) -> bool:
    """Say whether `root` was made of the inputs `key`; if not, clear its place."""
    stamp = root.with_name(f"{root.name}.key")
    if root.is_dir() and stamp.exists() and stamp.read_text() == key:
        return True
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    return False


def _stamp(root: Path, key: str) -> None:
    root.with_name(f"{root.name}.key").write_text(key)
