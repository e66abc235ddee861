"""Write the admin's kubeconfig, and read anybody's."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from localcluster.api import Api
from localcluster.errors import LocalClusterError


def write(file: Path, server: str, token: str, ca: Path) -> None:
    """Write a kubeconfig (mode 0600) with one cluster, one user and one context, all named `localcluster`.

    The certificate authority is copied into it, so the file may be carried elsewhere.
    """
    name = "localcluster"
    authority = base64.b64encode(ca.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(config, indent=2) + "\n")


def connect(file: Path | None = None) -> Api:
    """Open the cluster a kubeconfig's current context names.

    Args:
        file: The kubeconfig; $KUBECONFIG, else ~/.kube/config, when None.

    Raises:
        LocalClusterError: no such file, no such context, or it wants a login that only kubectl can do.
    """
    file = file or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    try:
        config: dict[str, Any] = yaml.safe_load(file.read_text())
    except OSError as error:
        raise LocalClusterError(f"kubeconfig {file} cannot be read: {error}. Set KUBECONFIG.") from error
    context = _named(config, "context", str(config.get("current-context")), file)
    cluster = _named(config, "cluster", context["cluster"], file)
    user = _named(config, "user", context["user"], file)
    with tempfile.TemporaryDirectory(
        prefix="localcluster-"
    ) as folder:  # ssl reads credentials from files only
        scratch = Path(folder)
        ca = _file(cluster, "certificate-authority", file, scratch)
        token = user.get("token")
        certificate = _file(user, "client-certificate", file, scratch)
        key = _file(user, "client-key", file, scratch)
        if not token and not (certificate and key):
            raise LocalClusterError(
                f"kubeconfig {file}: user {context['user']!r} has neither a token nor a client certificate. "
                "localcluster cannot run login plugins: make a kubeconfig with a service account token."
            )
        return Api(
            cluster["server"],
            token=token,
            ca=ca,
            client_cert=(certificate, key) if certificate and key else None,
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
        )


def _named(config: dict[str, Any], kind: str, name: str, file: Path) -> dict[str, Any]:
    for entry in config.get(f"{kind}s") or ():
        if entry["name"] == name:
            found: dict[str, Any] = entry[kind]
            return found
    raise LocalClusterError(f"kubeconfig {file} has no {kind} named {name!r}.")


def _file(section: dict[str, Any], field: str, kubeconfig: Path, scratch: Path) -> Path | None:
    """A credential as a file: given as a path (relative to the kubeconfig), or inline as base64."""
    if named := section.get(field):
        return kubeconfig.parent / str(named)
    inline = section.get(f"{field}-data")
    if not inline:
        return None
    file = scratch / field  # the folder is private
    file.write_bytes(base64.b64decode(inline))
    return file
