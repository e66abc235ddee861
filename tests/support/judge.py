"""The guarantees of the product as rules over what was seen. Pure: sightings in, breaches out.

It knows what happened and in which order, nothing of how the operator decides. Rules about a moment (a pod made,
a gang placed) are judged at that moment; rules about time (a gang partly alive, a job that waits without saying
why) once a deadline has passed, not counting the time in which a fault was on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.sightings import Job, Node, Pod, Sighting

PARTIAL = 20.0
"""Seconds that a gang may be partly alive: deletion, and the pods of the next attempt, take one or two."""

SILENT = 10.0
"""Seconds that a job may wait without a reason."""

OVERBOOKED = 10.0
"""Seconds that a gang may share devices with a foreign pod that outran it: the operator sees that and moves it."""

LIMITS = {"partial": PARTIAL, "silent": SILENT, "overbooked": OVERBOOKED}

LAG = 5.0
"""Seconds after which the operator must have heard of a change that the API server told everybody."""


@dataclass
class Stretch:
    """A time in which something held that may not hold for long."""

    since: float
    what: str


@dataclass
class Judge:
    """Remembers the cluster as it was seen, and what was wrong.

    Attributes:
        levels: Node label of each level that jobs require.
        breaches: What was wrong, with the evidence.
        judged: Number of sightings so far.
        excused: Uids of jobs whose status was spoiled by hand: their history means nothing.
    """

    levels: Mapping[str, str]
    breaches: list[str] = field(default_factory=list)
    judged: int = 0
    excused: set[str] = field(default_factory=set)
    _pods: dict[str, Pod] = field(default_factory=dict)
    _came: dict[str, Sighting] = field(default_factory=dict)
    """The first sighting of every pod that is there, by uid."""
    _landed: dict[str, Sighting] = field(default_factory=dict)
    """Of every pod that is bound, the first sighting that had its node; whoever binds by hand makes it so."""
    _beaten: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Of every pod of ours that was bound although a foreign one had outrun it, the uids of these."""
    _jobs: dict[str, Job] = field(default_factory=dict)
    _nodes: dict[str, list[tuple[float, Node | None]]] = field(default_factory=lambda: defaultdict(list))
    _made: set[tuple[str, int, int]] = field(default_factory=set)
    _hidden: set[str] = field(default_factory=set)
    """Pods whose labels or owner somebody took away: they are nobody's now, though they take room."""
    _ended_well: set[tuple[str, int, int]] = field(default_factory=set)
    _stretches: dict[tuple[str, str], Stretch] = field(default_factory=dict)
    _faults: list[tuple[float, float]] = field(default_factory=list)
    _blind: list[tuple[float, float]] = field(default_factory=list)

    def fault(self, began: float, ended: float, *, blinds: bool = True) -> None:
        """Say when a fault was on: deadlines stand still, and while one `blinds`, changes may go unheard."""
        self._faults.append((began, ended))
        if blinds:
            self._blind.append((began, ended))

    def see(self, seen: Sighting) -> None:
        """Judge one change; they come in the order of their versions."""
        self.judged += 1
        match seen.thing:
            case Node() as node:
                self._nodes[node.key].append((seen.at, None if seen.gone else node))
            case Pod() as pod:
                self._see_pod(pod, seen)
            case Job() as job:
                self._see_job(job, seen)

    def settle(self, now: float) -> None:
        """Judge what lasts at this time."""
        for key in list(self._stretches):
            self._overdue(key, now)

    # ---- pods

    def _see_pod(self, pod: Pod, seen: Sighting) -> None:
        before = self._pods.get(pod.uid)
        if before is not None and before.owner and not pod.owner:
            self._hidden.add(pod.uid)
        if before is not None:  # labels and owners taken away by hand do not change what it was made for
            pod = Pod(
                **{**vars(pod), "owner": before.owner, "attempt": before.attempt, "index": before.index}
            )
        if seen.gone:
            for known in (self._pods, self._came, self._landed, self._beaten):
                known.pop(pod.uid, None)
        else:
            self._came.setdefault(pod.uid, seen)
            if pod.node:
                self._landed.setdefault(pod.uid, seen)
            if before is None and pod.owner:
                self._made_pod(pod, seen)
            self._pods[pod.uid] = pod
            if pod.owner and pod.phase == "Succeeded":
                self._ended_well.add((pod.owner, pod.attempt, pod.index))
            if pod.owner and pod.node and (before is None or not before.node):
                self._bound_pod(pod, seen)
        beaten = {self._pods[ours].owner for ours, rivals in self._beaten.items() if pod.uid in rivals}
        for owner in beaten | ({pod.owner} - {""}):
            self._weigh(owner, seen.at)

    def _made_pod(self, pod: Pod, seen: Sighting) -> None:
        where = f"v{seen.version}: pod {pod.key} of attempt {pod.attempt}"
        job = self._jobs.get(pod.owner)
        worker = (pod.owner, pod.attempt, pod.index)
        # Until a gang was whole its missing pods are made, whoever took them: it is still starting.
        may = job is None or job.alone or ("PodsReady", "True") not in job.conditions
        if worker in self._made and not may and pod.owner not in self.excused:
            self._say(f"{where} was made although worker {pod.index} of this attempt was made before")
        self._made.add(worker)
        mates = [one for one in self._pods.values() if one.owner == pod.owner and one.uid not in self._hidden]
        if any(one.index == pod.index for one in mates):
            self._say(f"{where} was made beside another pod of worker {pod.index}")
        others = {one.attempt for one in mates} - {pod.attempt}
        if others:
            self._say(f"{where} was made beside pods of attempts {sorted(others)}")
        if job is None:
            return  # its job went while the request was under way; the garbage collector takes it
        if job.over:
            self._say(f"{where} was made after its job had ended ({job.phase})")
        if pod.owner in self.excused or seen.gap:
            return
        if len(job.places) != job.workers or job.attempt != pod.attempt:
            self._say(
                f"{where} was made while the status held attempt {job.attempt} with {len(job.places)} of "
                f"{job.workers} workers placed"
            )
        elif job.places[pod.index] != pod.pinned:
            self._say(f"{where} was made for {pod.pinned}, the status says {job.places[pod.index]}")

    def _bound_pod(self, pod: Pod, seen: Sighting) -> None:
        offers = self._offered(pod.node, seen.at)
        for resource, _ in pod.requests:
            there = [one for one in self._pods.values() if one.node == pod.node and one.alive]
            used = sum(one.asks(resource) for one in there)
            rivals = [one for one in there if one.asks(resource) and self._outran(one, pod, seen)]
            if used - sum(one.asks(resource) for one in rivals) > offers.get(resource, 0):
                self._say(
                    f"v{seen.version}: {pod.node} has {offers.get(resource, 0)} {resource}, and with pod "
                    f"{pod.key} {used} are in use"
                )
            elif used > offers.get(resource, 0):
                self._beaten[pod.uid].update(one.uid for one in rivals)

    def _outran(self, other: Pod, pod: Pod, bound: Sighting) -> bool:
        """Tell whether a foreign pod took the node of ours when nobody could keep ours from being bound to it.

        It was bound by hand, past kube-scheduler, after our pod was made: by the order of the API server, so the
        gang was placed and launched before. And kube-scheduler, which bound ours, had no time to hear of it. It may
        not last. A foreign pod that was there when ours was made excuses nobody.
        """
        came, landed = self._came[other.uid], self._landed[other.uid]
        by_hand = not other.owner and came is landed
        return (
            by_hand and came.version > self._came[pod.uid].version and came.at > self._known_since(bound.at)
        )

    # ---- jobs

    def _see_job(self, job: Job, seen: Sighting) -> None:
        before = self._jobs.get(job.uid)
        if seen.gone:
            self._jobs.pop(job.uid, None)
            self._stretches = {key: one for key, one in self._stretches.items() if key[0] != job.uid}
            return
        self._jobs[job.uid] = job
        if job.uid not in self.excused:
            if before is not None:
                self._history(before, job, seen)
            if job.places and (
                before is None or (before.attempt, before.places) != (job.attempt, job.places)
            ):
                self._placed(job, seen)
        self._weigh(job.uid, seen.at)

    def _history(self, before: Job, job: Job, seen: Sighting) -> None:
        where = f"v{seen.version}: job {job.key}"
        if before.over and not job.over:
            self._say(f"{where} had ended ({before.phase}) and is {job.phase} now")
        for what in ("attempt", "charged", "restarts"):
            was, now = getattr(before, what), getattr(job, what)
            if now < was:
                self._say(f"{where}: {what} went from {was} back to {now}")

    def _placed(self, job: Job, seen: Sighting) -> None:
        where = f"v{seen.version}: attempt {job.attempt} of job {job.key}"
        since = self._known_since(seen.at)
        if len(job.places) != job.workers:
            self._say(f"{where} was placed with {len(job.places)} of {job.workers} workers")
        for node in sorted(set(job.places)):
            states = self._states(node, since, seen.at)
            if not any(one is not None and one.usable for one in states):
                self._say(
                    f"{where} was placed on {node}, which took no work: {states[-1] if states else 'unknown'}"
                )
        if job.required:
            label = self.levels[job.required]
            common = [
                {dict(one.labels).get(label, "") for one in self._states(node, since, seen.at) if one}
                for node in set(job.places)
            ]
            if not set.intersection(*common) - {""}:
                self._say(f"{where} requires one {job.required}, and its nodes are in {common}")
        self._promised(job, seen, where)

    def _promised(self, job: Job, seen: Sighting, where: str) -> None:
        """Judge whether the places given to jobs are there, taken together and beside foreign pods."""
        since = self._known_since(seen.at)
        for node in sorted(set(job.places)):
            foreign = sum(
                one.asks(job.resource)
                for one in self._pods.values()
                if not one.owner and one.alive and one.node == node and self._landed[one.uid].at <= since
            )
            used = 0
            for other in self._jobs.values():
                if other.resource != job.resource or other.over:
                    continue
                held = {
                    one.index
                    for one in self._pods.values()
                    if one.owner == other.uid and one.alive and (one.node or one.pinned) == node
                }
                due = {
                    index
                    for index, place in enumerate(other.places)
                    if place == node and (other.uid, other.attempt, index) not in self._ended_well
                }
                used += other.devices * len(held | due)
            there = max(
                (dict(one.offers).get(job.resource, 0) for one in self._states(node, since, seen.at) if one),
                default=0,
            )
            if used + foreign > there:
                beside = f" beside the {foreign} of foreign pods" if foreign else ""
                self._say(
                    f"{where}: {node} has {there} {job.resource}, and {used} are promised to jobs{beside}"
                )

    # ---- what may not last

    def _weigh(self, uid: str, at: float) -> None:
        job = self._jobs.get(uid)
        self._hold((uid, "partial"), at, self._partial(job) if job else "")
        self._hold((uid, "silent"), at, self._unexplained(job) if job else "")
        self._hold((uid, "overbooked"), at, self._overbooked(job) if job else "")

    def _hold(self, key: tuple[str, str], at: float, what: str) -> None:
        if what and key not in self._stretches:
            self._stretches[key] = Stretch(at, what)
        elif not what and key in self._stretches:
            self._overdue(key, at)
            self._stretches.pop(key, None)

    def _overdue(self, key: tuple[str, str], now: float) -> None:
        stretch = self._stretches[key]
        excused = sum(max(0.0, min(end, now) - max(begin, stretch.since)) for begin, end in self._faults)
        if now - stretch.since - excused > LIMITS[key[1]]:
            self._say(f"{stretch.what} for {now - stretch.since:.0f} s")
            del self._stretches[key]

    def _partial(self, job: Job) -> str:
        pods = [one for one in self._pods.values() if one.owner == job.uid]
        alive = [one for one in pods if one.alive]
        if not alive or job.deleting:
            return ""
        if any(not self._ready(one.node) for one in pods if one.node):
            return ""  # nobody can say what still runs there
        whole = [one for one in pods if not one.deleting and (one.alive or one.phase == "Succeeded")]
        return (
            ""
            if len(whole) >= job.workers
            else f"{len(whole)} of {job.workers} workers of {job.key} were alive"
        )

    def _unexplained(self, job: Job) -> str:
        waits = not (job.over or job.places or job.deleting)
        return f"job {job.key} waited without a reason" if waits and not job.waiting else ""

    def _overbooked(self, job: Job) -> str:
        for ours in (one for one in self._pods.values() if one.owner == job.uid and one.alive):
            for rival in sorted(self._beaten.get(ours.uid, ())):
                if rival in self._pods and self._pods[rival].alive:
                    return f"{ours.node} was overbooked by {ours.key} and {self._pods[rival].key}"
        return ""

    # ---- nodes as they were

    def _known_since(self, at: float) -> float:
        """Return since when a fact may have been unknown to a decision made at this time."""
        since = at - LAG
        for began, ended in sorted(self._blind, reverse=True):
            if began - LAG <= at and ended >= since:
                since = min(since, began - LAG)
        return since

    def _states(self, node: str, since: float, until: float) -> list[Node | None]:
        """Return how a node was at some time between these two."""
        states = self._nodes.get(node, [])
        before = [one for at, one in states if at <= since][-1:]
        return before + [one for at, one in states if since < at <= until]

    def _offered(self, node: str, at: float) -> dict[str, int]:
        """Return the most a node offered in the last moments: a drop is not known everywhere at once."""
        offers: dict[str, int] = {}
        for state in self._states(node, at - LAG, at):
            for resource, amount in state.offers if state else ():
                offers[resource] = max(offers.get(resource, 0), amount)
        return offers

    def _ready(self, node: str) -> bool:
        states = self._nodes.get(node, [])
        return bool(states) and states[-1][1] is not None and states[-1][1].ready

    def _say(self, breach: str) -> None:
        self.breaches.append(breach)
