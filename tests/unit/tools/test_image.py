"""An image is made of files and nothing else: the same files make the same digest, on any day and any machine."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tools.image import __main__ as command
from tools.image import debian, elf, layers, oci
from tools.image.facts import ImageError, release

NAME = "localhost/crosstree:0.0.1"


def a_root(folder: Path, *, text: str = "hello") -> Path:
    """Build a root file system with one of each: a file, a program, a link, an empty folder, a sticky one."""
    for name in ("usr/bin", "etc", "proc", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    (folder / "etc" / "motd").write_text(text)
    (folder / "usr" / "bin" / "greet").write_text("#!/usr/bin/python3\n")
    (folder / "usr" / "bin" / "greet").chmod(0o755)
    (folder / "bin").symlink_to("usr/bin")
    return folder


def an_image(*roots: Path) -> oci.Image:
    return oci.Image(
        name=NAME,
        layers=[layers.layer(root) for root in roots],
        config=command.CONFIG,
        architecture="amd64",
        created="2026-01-01T00:00:00Z",
        annotations={"org.opencontainers.image.version": "0.0.1"},
    )


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {entry.name: opened.extractfile(entry).read() for entry in opened}  # type: ignore[union-attr]


def resolve(files: dict[str, bytes], described: dict[str, Any]) -> bytes:
    """Follow a descriptor and check what it promises."""
    content = files[f"blobs/{described['digest'].replace(':', '/')}"]
    assert described["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert described["size"] == len(content)
    return content


def test_the_same_files_make_the_same_archive_whenever_and_wherever_they_were_written(tmp_path: Path) -> None:
    first, second = a_root(tmp_path / "a" / "base"), a_root(tmp_path / "b" / "base")
    for path in sorted(second.rglob("*")):
        if not path.is_symlink():
            os.utime(path, (1_000_000_000, 1_000_000_000))
    (second / "etc" / "motd").chmod(0o600)  # another umask

    digests = [
        oci.write(an_image(root), tmp_path / f"{index}.tar") for index, root in enumerate((first, second))
    ]

    assert digests[0] == digests[1]
    assert (tmp_path / "0.tar").read_bytes() == (tmp_path / "1.tar").read_bytes()


def test_a_change_of_ours_changes_only_the_last_layer(tmp_path: Path) -> None:
    base = a_root(tmp_path / "base")
    old, new = a_root(tmp_path / "old", text="0.1"), a_root(tmp_path / "new", text="0.2")
    before, after = an_image(base, old), an_image(base, new)
    assert before.layers[0].diff_id == after.layers[0].diff_id
    assert before.layers[1].diff_id != after.layers[1].diff_id


def test_every_digest_in_the_archive_is_that_of_what_it_names(tmp_path: Path) -> None:
    digest = oci.write(an_image(a_root(tmp_path / "base"), a_root(tmp_path / "own")), tmp_path / "image.tar")
    files = contents(tmp_path / "image.tar")

    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["digest"] == digest
    assert entry["annotations"]["io.containerd.image.name"] == NAME
    manifest = json.loads(resolve(files, entry))
    config = json.loads(resolve(files, manifest["config"]))
    unpacked = [resolve(files, layer) for layer in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [layers.digest(gzip.decompress(layer)) for layer in unpacked]
    (legacy,) = json.loads(files["manifest.json"])
    assert legacy["RepoTags"] == [NAME]
    assert {legacy["Config"], *legacy["Layers"]} <= files.keys()


def test_files_in_a_layer_belong_to_root_and_nobody_else_may_change_them(tmp_path: Path) -> None:
    packed = layers.layer(a_root(tmp_path / "base"))
    (tmp_path / "layer.tgz").write_bytes(packed.blob)
    with tarfile.open(tmp_path / "layer.tgz") as archive:
        entries = {entry.name: entry for entry in archive}
    assert {(entry.uid, entry.gid, entry.uname) for entry in entries.values()} == {(0, 0, "")}
    assert {name: entry.mode for name, entry in entries.items()} == {
        "bin": 0o777, "etc": 0o755, "etc/motd": 0o644, "proc": 0o755, "tmp": 0o1777, "usr": 0o755,
        "usr/bin": 0o755, "usr/bin/greet": 0o755,
    }  # fmt: skip
    assert entries["bin"].linkname == "usr/bin"


def test_the_container_is_nobody_and_writes_nothing() -> None:
    assert command.CONFIG["User"] == "65532:65532"
    assert command.CONFIG["Entrypoint"] == ["crosstree"] and command.CONFIG["Cmd"] == ["run"]
    assert "PYTHONDONTWRITEBYTECODE=1" in command.CONFIG["Env"]
    assert "Volumes" not in command.CONFIG


def test_the_archive_is_as_old_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert release().stamp == "2023-11-14T22:13:20Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ImageError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        release()


@pytest.mark.parametrize(
    ("shipped", "placed"),
    [
        ("./lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("./usr/bin/python3.11", "usr/bin/python3.11"),
        ("./usr/share/doc/libc6/copyright", "usr/share/doc/libc6/copyright"),
        ("./usr/share/doc/libc6/NEWS.gz", None),
        ("./usr/share/man/man1/python3.11.1.gz", None),
        ("./usr/bin/ldd", None),
        ("./etc/ld.so.conf", None),
        ("./usr/lib/python3.11/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so", None),
        ("./usr/lib/python3.11/asyncio/base_events.py", "usr/lib/python3.11/asyncio/base_events.py"),
    ],
)
def test_of_a_debian_package_only_what_a_container_needs_is_taken(shipped: str, placed: str | None) -> None:
    found = debian.place(shipped)
    assert (str(found) if found else None) == placed


def test_a_program_tells_which_libraries_it_needs(tmp_path: Path) -> None:
    import _ctypes

    assert "libc.so.6" in elf.needed(Path(_ctypes.__file__))
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert elf.needed(tmp_path / "script") == []
