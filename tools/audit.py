"""`make audit` and the check of `make sbom`: what is known against the packages that we pin.

pip-audit asks; this decides, because pip-audit calls packages that no service could tell anything about "no known
vulnerabilities". Both tools live in a folder of their own in the cache, so that .venv stays small.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tools.image.facts import ROOT, ImageError, cache, release

FOLDER = ROOT / "requirements"
AUDITED = FOLDER / "run.txt"
ALLOWED = FOLDER / "audit-allow.toml"
TOOLS = FOLDER / "audit.txt"
SERVICES = ("pypi", "osv")  # asked in this order, until one answers
SECONDS = 120  # that one service may take


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """A known vulnerability that is let pass for a while."""

    id: str
    package: str
    reason: str
    expires: date


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an audit found out, as lines to print."""

    refused: Sequence[str]  # vulnerabilities that nobody allowed, or no longer
    allowed: Sequence[str]
    unanswered: Sequence[str]  # packages that no service knew anything about
    checked: int

    @property
    def passed(self) -> bool:
        """Whether nothing is known against what was checked."""
        return not self.refused


def judge(report: Iterable[dict[str, Any]], allowed: Iterable[Allowed], today: date) -> Verdict:
    """Weigh pip-audit's `dependencies` against what is allowed on the day `today`."""
    entries = list(allowed)
    refused, passed, unanswered, checked = [], [], [], 0
    for package in report:
        name = package["name"]
        if "skip_reason" in package:
            unanswered.append(name)
            continue
        checked += 1
        for found in package["vulns"]:
            ids = {found["id"], *found.get("aliases", [])}
            line = f"{name} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
            entry = next((entry for entry in entries if entry.id in ids and entry.package == name), None)
            if entry is None:
                refused.append(f"{line}. Take a fixed version (`make lock`), or allow it in {ALLOWED.name}.")
            elif entry.expires <= today:
                refused.append(f"{line}. It was allowed until {entry.expires}: {entry.reason}")
            else:
                passed.append(f"{line}, allowed until {entry.expires}: {entry.reason}")
    return Verdict(refused=refused, allowed=passed, unanswered=sorted(unanswered), checked=checked)


def allowances(text: str) -> list[Allowed]:
    """Read the allow list.

    Raises:
        ImageError: an entry has no reason, no day of expiry, or a key that nobody knows.
    """
    entries = []
    for number, entry in enumerate(tomllib.loads(text).get("allow", []), 1):
        wrong = set(entry) ^ {"id", "package", "reason", "expires"}
        expires = entry.get("expires")
        if wrong or not str(entry["reason"]).strip() or not isinstance(expires, date):
            raise ImageError(
                f"{ALLOWED.name}: entry {number} is {entry}; it needs id, package, reason, expires (a date)."
            )
        entries.append(Allowed(**entry))
    return entries


def vulnerabilities(*, strict: bool) -> int:
    """Ask the services about AUDITED and print the verdict; return an exit code.

    Without an answer the exit code is 0 and the warning loud, unless `strict`.
    """
    report = _ask()
    verdict = judge(report, allowances(ALLOWED.read_text()), datetime.now(UTC).date())
    for line in verdict.allowed:
        print(f"audit: {line}")
    for line in verdict.refused:
        print(f"audit: VULNERABLE: {line}", file=sys.stderr)
    if verdict.unanswered or not report:
        what = f"{len(verdict.unanswered)} of {len(report)} packages" if report else "all packages"
        print(
            f"audit: WARNING: NOT CHECKED: {what}. No vulnerability service ({', '.join(SERVICES)}) could be asked"
            " from here; this says nothing about their safety. Run `make audit` where one can be reached.",
            file=sys.stderr,
        )
    if verdict.checked:
        print(
            f"audit: {verdict.checked} packages of {AUDITED.name} checked, {len(verdict.refused)} vulnerabilities"
        )
    answered = bool(report) and not verdict.unanswered
    return 0 if verdict.passed and (answered or not strict) else 1


def check_sbom(file: Path) -> int:
    """Validate a CycloneDX document against the published schema, strictly; return an exit code."""
    program = (
        "import sys\n"
        "from cyclonedx.schema import SchemaVersion\n"
        "from cyclonedx.validation.json import JsonStrictValidator\n"
        "wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())\n"
        "sys.exit(str(wrong) if wrong else 0)\n"
    )
    done = subprocess.run(
        [str(_tools()), "-c", program, str(file)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"audit: {file.name} is not CycloneDX 1.6:\n{done.stderr.strip()[:2000]}", file=sys.stderr)
        return 1
    print(f"audit: {file.name} is valid CycloneDX 1.6")
    return 0


def _ask() -> list[dict[str, Any]]:
    """Return the report of the first service that knows every package, else the fullest one, else nothing."""
    best: list[dict[str, Any]] = []
    try:
        python = _tools()
    except ImageError as error:
        print(f"audit: {error}", file=sys.stderr)
        return best
    for service in SERVICES:
        command = [
            str(python),
            "-m",
            "pip_audit",
            "--requirement",
            str(AUDITED),
            "--require-hashes",
            "--disable-pip",
        ]
        command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
            report = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError):
            continue  # it ended with a traceback instead of a report: there is no way to that service
        if _known(report) > _known(best) or not best:
            best = report
        if _known(best) == len(best):
            break
    return best


def _known(report: Iterable[dict[str, Any]]) -> int:
    return sum("skip_reason" not in package for package in report)


def _tools() -> Path:
    """Make the folder with pip-audit and the schema, once per content of TOOLS, and return its Python."""
    key = hashlib.sha256(TOOLS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache() / "audit" / key
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        print(f"audit: installing the packages of requirements/{TOOLS.name}, once", flush=True)
        pip = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, "--no-deps", "-r", str(TOOLS)]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ImageError(f"{' '.join(command[:4])} … failed:\n{done.stderr.strip()[:2000]}")
        ready.touch()
    return python


def main() -> int:
    """Do what the one argument says: vulnerabilities or sbom."""
    match sys.argv[1:]:
        case ["vulnerabilities"]:
            return vulnerabilities(strict=os.environ.get("AUDIT_STRICT", "0") not in ("", "0"))
        case ["sbom"]:
            return check_sbom(ROOT / "out" / f"crosstree-{release().version}.cdx.json")
        case _:
            print("usage: python -m tools.audit vulnerabilities|sbom", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
