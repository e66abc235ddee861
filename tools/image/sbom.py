"""The software bill of materials: one CycloneDX 1.6 document of Debian packages, Python packages and Crosstree.

Written by hand, since the same code runs in a container build that has the standard library only; `make sbom`
checks the result against the published schema. Source: CycloneDX 1.6 JSON reference; package-url specification.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.image.debian import SUITE, Deb
from tools.image.facts import ImageError, Release

Json = dict[str, Any]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
SPDX = re.compile(r"^[A-Za-z0-9.+()-]+( (AND|OR|WITH) [A-Za-z0-9.+()-]+)*$")


def document(release: Release, debs: Iterable[Deb], site: Path, requirements: Path) -> Json:
    """Describe an image.

    Args:
        release: Ours.
        debs: Debian packages in the base.
        site: Folder in which the pinned Python packages are installed, for their licences.
        requirements: The file that pins them, for their hashes.
    """
    own = {
        "type": "application",
        "bom-ref": f"pkg:pypi/crosstree@{release.version}",
        "name": "crosstree",
        "version": release.version,
        "purl": f"pkg:pypi/crosstree@{release.version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "properties": [{"name": "crosstree:revision", "value": release.revision or "unknown"}],
    }
    components = [*map(_deb, debs), *_distributions(site, requirements)]
    # The same image has the same document, and so the same serial number.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, render({"own": own, "components": components}))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial.urn,
        "version": 1,
        "metadata": {"timestamp": release.stamp, "component": own},
        "components": components,
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": sorted(part["bom-ref"] for part in components)},
            *({"ref": part["bom-ref"]} for part in components),
        ],
    }


def render(value: Json) -> str:
    """Write a document as text, the same for the same content."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def pins(requirements: Path) -> dict[str, tuple[str, list[str]]]:
    """Read version and SHA-256 hashes of every package that a requirements file pins."""
    text = requirements.read_text()
    starts = list(PINNED.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {
        match[1]: (match[2], HASH.findall(text[match.start() : end]))
        for match, end in zip(starts, ends, strict=True)
    }


def _deb(deb: Deb) -> Json:
    purl = f"pkg:deb/debian/{quote(deb.name)}@{quote(deb.version)}?arch={deb.architecture}&distro={SUITE}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": deb.name,
        "version": deb.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": deb.sha256}],
        "licenses": [{"license": {"name": f"see /usr/share/doc/{deb.name}/copyright"}}],
        "properties": [{"name": "debian:source", "value": deb.source}],
    }


def _distributions(site: Path, requirements: Path) -> list[Json]:
    installed = {_canonical(info.name.split("-")[0]): info for info in site.glob("*.dist-info")}
    parts = []
    for name, (version, hashes) in sorted(pins(requirements).items()):
        info = installed.get(_canonical(name))
        if info is None:
            raise ImageError(
                f"{requirements.name} pins {name}, but {site} does not hold it; remove `out` and retry."
            )
        purl = f"pkg:pypi/{_canonical(name)}@{version}"
        parts.append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "licenses": _licences(info / "METADATA"),
                # One hash for every file that the version was published as; the image holds one of these.
                "externalReferences": [
                    {
                        "type": "distribution",
                        "url": purl,
                        "hashes": [{"alg": "SHA-256", "content": content} for content in sorted(hashes)],
                    }
                ],
            }
        )
    return parts


def _licences(metadata: Path) -> list[Json]:
    """Read what a package says of its licence: an SPDX expression, a name, or its classifiers."""
    fields = HeaderParser().parsestr(metadata.read_text(errors="replace"))
    expression = (fields.get("License-Expression") or "").strip()
    if SPDX.match(expression):
        return [{"expression": expression}]
    classifiers = [value for value in fields.get_all("Classifier", []) if value.startswith("License ::")]
    names = [value.split(" :: ")[-1] for value in classifiers]
    named = (fields.get("License") or "").strip().splitlines()[:1]
    return [{"license": {"name": name}} for name in sorted(set(names or named))]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
