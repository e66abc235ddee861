"""Where things live: binaries in a cache, one folder of records per cluster, data in memory if there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from localcluster.versions import build_key, node_build_key

_TMPFS = Path("/dev/shm")
_ROOM = 2 << 30  # bytes free on tmpfs before etcd's data goes there
DATA_PREFIX = "localcluster-"
NODES_PREFIX = f"{DATA_PREFIX}nodes-"  # folders of real nodes; swept like the others


def cache_root() -> Path:
    """Folder for what is costly to make and safe to delete: $CROSSTREE_CACHE, else the XDG cache folder."""
    if named := os.environ.get("CROSSTREE_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "crosstree"


def bin_dir() -> Path:
    """Folder the built binaries belong in, whether or not they are there yet."""
    return cache_root() / "bin" / build_key()


def node_bin_dir() -> Path:
    """Folder of what only real nodes need, whether or not it is there yet."""
    return cache_root() / "bin" / node_build_key()


def state_root() -> Path:
    """Folder of the records of running clusters: $LOCALCLUSTER_STATE, else the XDG state folder."""
    if named := os.environ.get("LOCALCLUSTER_STATE"):
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "localcluster"


def data_parents() -> list[Path]:
    """Every folder in which a cluster's data may lie, the preferred one first."""
    temp = Path(tempfile.gettempdir())
    if _TMPFS.is_dir() and os.access(_TMPFS, os.W_OK) and shutil.disk_usage(_TMPFS).free >= _ROOM:
        return [_TMPFS, temp]
    return [temp]


def new_data_dir() -> Path:
    """Make a private, empty folder for etcd's data, keys and the control socket.

    The path is short on purpose: a Unix socket path may not exceed 107 bytes.
    """
    return Path(tempfile.mkdtemp(prefix=DATA_PREFIX, dir=data_parents()[0]))
