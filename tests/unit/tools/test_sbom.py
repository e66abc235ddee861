"""The bill of materials names everything in the image, whole and reproducibly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.image import sbom
from tools.image.debian import Deb
from tools.image.facts import ROOT, ImageError, Release

RUN = ROOT / "requirements" / "run.txt"
OURS = Release(version="0.1.0", revision="abc", created=1_700_000_000)


def a_deb(name: str = "libc6", version: str = "2.36-9+deb12u14") -> Deb:
    return Deb(
        name=name, version=version, architecture="amd64", source="glibc", sha256="0" * 64, file=Path(name), control=""
    )  # fmt: skip


def a_site(folder: Path) -> Path:
    """Lay out the metadata of everything that run.txt pins, as pip would."""
    for name, (version, _) in sbom.pins(RUN).items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\nLicense-Expression: MIT\n")
    return folder


def test_the_sbom_lists_every_pinned_requirement_with_its_hashes(tmp_path: Path) -> None:
    parts = sbom.document(OURS, [a_deb()], a_site(tmp_path), RUN)["components"]
    listed = {part["name"]: part for part in parts}
    for line in RUN.read_text().splitlines():
        if "==" in line:
            name, version = line.rstrip(" \\").split("==")
            assert listed[name]["version"] == version
            assert listed[name]["externalReferences"][0]["hashes"]
            assert listed[name]["licenses"] == [{"expression": "MIT"}]


def test_the_sbom_lists_debian_packages_and_our_own_version(tmp_path: Path) -> None:
    document = sbom.document(OURS, [a_deb()], a_site(tmp_path), RUN)
    assert (
        document["components"][0]["purl"]
        == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=bookworm"
    )
    assert document["metadata"]["component"]["version"] == "0.1.0"
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_every_reference_in_the_sbom_leads_to_a_part_of_it(tmp_path: Path) -> None:
    document = sbom.document(OURS, [a_deb(), a_deb("zlib1g", "1:1.2.13")], a_site(tmp_path), RUN)
    references = [part["bom-ref"] for part in document["components"]]
    assert len(set(references)) == len(references)
    assert document["dependencies"][0]["dependsOn"] == sorted(references)


def test_the_same_image_has_the_same_sbom(tmp_path: Path) -> None:
    site = a_site(tmp_path)
    first, second = (sbom.render(sbom.document(OURS, [a_deb()], site, RUN)) for _ in range(2))
    assert first == second


def test_a_pinned_package_that_is_not_installed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"run\.txt pins aiohappyeyeballs, but"):
        sbom.document(OURS, [], tmp_path, RUN)
