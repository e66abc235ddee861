"""Finding the API server and who we are to it, as kubectl does: kubeconfig, then the service account of the pod."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import yaml
from kubernetes.aio import config as kube_config
from kubernetes.aio.client.configuration import Configuration

from crosstree.base.errors import SettingsError

DEFAULT = "~/.kube/config"

# A file that is no kubeconfig makes the package stumble over whatever it happens to find.
_UNUSABLE = (
    kube_config.ConfigException,
    yaml.YAMLError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


async def load(
    configuration: Configuration, kubeconfig: str | None, context: str | None
) -> Callable[[], Awaitable[None]] | None:
    """Fill a configuration; return how to renew its credentials, None where it renews them itself.

    Raises:
        SettingsError: there is no configuration, or it can't be used; so does renewing.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG") or (DEFAULT if _there(DEFAULT) else None)
    if path is None:
        try:
            kube_config.load_incluster_config(client_configuration=configuration)
        except kube_config.ConfigException as error:
            raise SettingsError(
                f"No cluster to talk to: no --kubeconfig, no KUBECONFIG, no {DEFAULT}, and this is not a pod "
                f"({error}). Name a kubeconfig."
            ) from error
        return None
    if not _there(path):
        raise SettingsError(
            f"The kubeconfig {path} does not exist. Name another with --kubeconfig or KUBECONFIG."
        )

    async def renew() -> None:
        try:
            await kube_config.load_kube_config(
                config_file=path, context=context, client_configuration=configuration, persist_config=False
            )
        except _UNUSABLE as error:
            wanted = f"context {context!r} of " if context else ""
            raise SettingsError(f"The {wanted}kubeconfig {path} can't be used: {error}.") from error

    await renew()
    return renew


def _there(path: str) -> bool:
    """Say whether any file of a kubeconfig path, several joined by the path separator, exists."""
    return any(Path(part).expanduser().exists() for part in path.split(os.pathsep) if part)
