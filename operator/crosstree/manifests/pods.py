"""The pods of a gang. What they share is built and serialised once; a body is then a few joins of bytes.

A gang of 512 is sent as fast as the API server can take it, and both share the machine: a body costs some
microseconds. The shared document carries marks where workers differ. A mark never occurs in the user's
template: its number is raised until it does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import count

from crosstree.base.names import pod_name
from crosstree.core.cluster import Binding
from crosstree.core.job import Job, Placement
from crosstree.frameworks import WorkerContext, common_env, framework, is_reserved
from crosstree.manifests.document import Marks, document, trainer_of


class GangPods:
    """Bodies of the pods of one attempt, ready to be sent.

    Args:
        job: The job; its template is not changed.
        placement: Where each index goes.
        attempt: Number of the attempt, from 1.
        binding: Who binds the pods to their nodes.

    Raises:
        SpecError: the framework is unknown, or no container can be told to be the trainer.
    """

    def __init__(self, job: Job, placement: Placement, *, attempt: int, binding: Binding) -> None:
        self._job = job
        self._attempt = attempt
        self._workers = placement.workers
        self._plugin = framework(job.framework)
        self._users = _user_variables(job)
        self._nodes = {
            index: share.name.encode()
            for share in placement.nodes
            for index in range(share.first, share.first + share.count)
        }
        self._marks = marks = _unused_marks(job.template)
        shared = document(job, placement.resource, marks, attempt=attempt, binding=binding)
        # A mark for a list of variables is a whole list element: its quotes go with it.
        whole = "|".join(f'"{re.escape(mark)}"' for mark in (marks.common, marks.trainer))
        within = "|".join(re.escape(mark) for mark in (marks.name, marks.index, marks.node))
        pieces = re.split(f"({whole}|{within})", json.dumps(shared, separators=(",", ":")))
        self._head = pieces[0].encode()
        self._rest = tuple(
            (mark.strip('"'), fixed.encode()) for mark, fixed in zip(pieces[1::2], pieces[2::2], strict=True)
        )

    def body(self, index: int) -> bytes:
        """Return the JSON of one worker's pod.

        Raises:
            KeyError: the placement has no such index.
        """
        gang, marks = self._job.gang, self._marks
        worker = WorkerContext(self._job.name, index, self._workers, gang.devices, self._attempt)
        common = _entries(common_env(worker))
        own = {name: value for name, value in self._plugin.env(worker).items() if name not in self._users}
        fill = {
            marks.name: pod_name(self._job.name, index).encode(),
            marks.index: str(index).encode(),
            marks.node: self._nodes[index],
            marks.common: common,
            marks.trainer: common + b"," + _entries(own) if own else common,
        }
        parts = [self._head]
        for mark, fixed in self._rest:
            parts += fill[mark], fixed
        return b"".join(parts)


def _entries(env: Mapping[str, str]) -> bytes:
    """Render variables as elements of an `env` list."""
    return json.dumps([{"name": n, "value": v} for n, v in env.items()], separators=(",", ":"))[1:-1].encode()


def _unused_marks(template: Mapping[str, object]) -> Marks:
    text = json.dumps(template)
    return next(marks for number in count() if (marks := Marks.numbered(number)).stem not in text)


def _user_variables(job: Job) -> frozenset[str]:
    """Names the user may and did set in the trainer container: there ours give way."""
    plugin = framework(job.framework)
    trainer = job.template["spec"]["containers"][trainer_of(job)]
    names = (str(entry.get("name")) for entry in trainer.get("env") or ())
    return frozenset(name for name in names if not is_reserved(plugin, name))
