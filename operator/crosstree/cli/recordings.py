"""Snapshots in files: JSON, packed where the name ends in `.gz`, written whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from crosstree.base.errors import SettingsError, SpecError

if TYPE_CHECKING:
    from crosstree.cli.live import View
    from crosstree.core.record import Recording


def save(recording: Recording, name: str) -> None:
    """Write a recording to a file, or to stdout for `-`.

    Equal recordings give equal files: no time of writing is in them.

    Raises:
        SettingsError: the file can't be written.
    """
    from crosstree.core.record import record

    text = json.dumps(record(recording), ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
    if name == "-":
        sys.stdout.write(text)
        return
    data = text.encode()
    if name.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    path = Path(name)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise SettingsError(f"{name} can't be written: {error}.") from error


def opened(name: str) -> Recording:
    """Read a recording from a file, or from stdin for `-`; packed or not is seen from what is in it.

    Raises:
        SettingsError: the file can't be read, is no snapshot, or is damaged; the text says what and where.
    """
    from crosstree.core.record import recall

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        return recall(json.loads(data))
    except SpecError as error:
        raise SettingsError(f"{name}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise SettingsError(f"{name} can't be read: {error}.") from error
    except ValueError as error:
        raise SettingsError(f"{name} is not JSON: {' '.join(str(error).split())}.") from error


def taken(view: View, cluster: str | None) -> Recording:
    """Record one AICluster of a live cluster as the operator would see it now.

    Whom the operator lets go first is not written in the cluster: CROSSTREE_ORDER has to say it here as well.

    Raises:
        SettingsError: there is no such AICluster, or none is named and there are several or none; or no such order.
    """
    from crosstree import __version__
    from crosstree.base.words import listed
    from crosstree.core.policy import Order, Policy
    from crosstree.core.record import Recording, complete
    from crosstree.settings import checked, environment

    live = view.cluster
    names = sorted(live.store.clusters)
    if cluster is None and len(names) == 1:
        cluster = names[0]
    if cluster not in names:
        found = f"--cluster is {cluster!r}, and there is" if cluster else "--cluster is not set; there is"
        raise SettingsError(
            f"{found} {listed(names, 8) or 'no AICluster'}. Name one of those with --cluster."
        )
    said = {name: pair for name, pair in environment().items() if name == "order"}
    settings = checked(
        {name: value for name, (_, value) in said.items()}, {name: key for name, (key, _) in said.items()}
    )
    snapshot = live.snapshot_of(cluster)
    columns = live.columns
    rows = columns.rows(snapshot.names).tolist()
    recording = Recording(
        snapshot,
        Policy(order=Order(settings.order)),
        live.now(),
        __version__,
        tuple(dict(columns.labels[row]) for row in rows),
        tuple(tuple(columns.taints[row]) for row in rows),
        dict(view.priorities),
        {name: queue.lessons for name, queue in live.store.queues.items() if queue.lessons},
        {name: queue.admission for name, queue in live.store.queues.items()},
        dict(view.namespaces),
    )
    return complete(recording)
