"""The real cluster as the scheduling loop and the reconcilers see it: one picture, fed by watches, in one event loop.

`view` cuts snapshots from the columns; `apply` takes decisions over, which count from then on. What happens in
between: the reconciler of a job asks `decision_for`, stores the place in the job's status, says `carried_out` or
`give_back`, and makes the pods; their facts arrive here again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from crosstree.adapters.holds import Holds
from crosstree.adapters.layouts import Layouts
from crosstree.adapters.meter import Meter
from crosstree.adapters.neighbours import Catalog, Listener
from crosstree.adapters.nodehealth import NodeHealths
from crosstree.adapters.nodes import NodeSink
from crosstree.adapters.pods import JobKey, PodSink
from crosstree.adapters.promises import Promises
from crosstree.adapters.resources import Kind
from crosstree.adapters.ripples import Ripples
from crosstree.adapters.services import ServiceSink
from crosstree.adapters.store import Domain, ObjectStore, Translate
from crosstree.adapters.tree import Tree
from crosstree.adapters.waiting import Waiting
from crosstree.base.clock import Clock
from crosstree.core.cluster import Preset
from crosstree.core.columns import Columns
from crosstree.core.cutter import MANNERS, Cutter
from crosstree.core.diary import Diary
from crosstree.core.discovery import Layout
from crosstree.core.fabrics import FabricPreset
from crosstree.core.job import Job
from crosstree.core.ledger import suspects
from crosstree.core.oddities import Oddity
from crosstree.core.plan import Decision, Evict, Place, Plan, Resize, Wait
from crosstree.core.pods import NodeHealth, PodFact
from crosstree.core.runs import Runs
from crosstree.core.snapshot import Snapshot
from crosstree.core.troubles import Troubles, collect


class LiveCluster:
    """The cluster. Not thread-safe: everything happens in one event loop.

    Args:
        catalog: Accelerators and health rules.
        fabrics: Labels of each fabric preset.
        translate: Reads our raw objects.
        clock: Time, for how long a gang keeps away from a node that failed it, and a signal has been gone.
        listener: Told what changed.

    Attributes:
        store: Our own objects; feed it with `put` and `drop`.
        columns: Nodes and pods as numbers.
        healths: Verdicts on nodes; reports about them that are no Node objects go there.
        node_sink: Where the watch of nodes goes.
        pod_sink: Where the watch of pods goes.
        service_sink: Where the watch of our jobs' Services goes.
        meter: What budgets are charged for.
    """

    def __init__(
        self,
        catalog: Catalog,
        fabrics: Mapping[Preset, FabricPreset],
        translate: Translate,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._clock = clock
        self._listener = listener
        self.columns = Columns(self._is_accelerator)
        self.store = ObjectStore(translate, self._stored)
        self.healths = NodeHealths(self.columns, catalog.health_rules, self._node_changed, clock.now)
        self.node_sink = NodeSink(self.healths)
        self.pod_sink = PodSink(self.columns, self._pods_changed, listener.wake_lazily)
        self.service_sink = ServiceSink(lambda job: self._mark(f"{job[0]}/{job[1]}"))
        self._layouts = Layouts(self.columns, self.store, catalog, fabrics)
        self._promises = Promises()
        self._holds = Holds(self.columns)
        self._runs = Runs(self._home_of)
        self._tree = Tree(self.store)
        self.meter = Meter(self.store, clock.now)
        self._waiting = Waiting(self.store, self.pods_of, self._promises, self._holds, self._runs, self._mark)
        self._cutter = Cutter(self.columns)
        self._ripples = Ripples(listener, self.store, self._layouts, self._tree, self._waiting)
        self.synced = False
        """True once nodes, pods, what admits jobs and our own kinds have all been read; no plan is made before."""

    # ClusterPort ------------------------------------------------------------------------------------------

    def view(self) -> Sequence[Snapshot]:
        """Return one snapshot per AICluster, in order of name; the same objects as long as nothing changed."""
        now = self._clock.now()
        self._waiting.settle(now)
        self.healths.settle()
        layouts = self._layouts.current()
        self.healths.govern(layouts, self._layouts.policies)
        troubled = self.healths.news()
        views = []
        for name, layout in layouts.items():
            snapshot, fresh = self._cut(layout, name, now)
            if fresh or troubled:
                self._listener.mark(Kind.CLUSTER, name)
                for pool in snapshot.pools:
                    self._listener.mark(Kind.POOL, pool.name)
            views.append(snapshot)
        for key in self._promises.let_out(now):
            self._mark(key)
        self._cutter.keep(views)
        self._runs.keep(set(layouts))
        return tuple(views)

    def _cut(self, layout: Layout, name: str, now: float) -> tuple[Snapshot, bool]:
        cluster = self.store.clusters.get(name)
        return self._cutter.cut(
            layout,
            self._waiting.of(name, now),
            running=self._runs.of(layout, now),
            queues=self._tree.of(name),
            manners=cluster.manners if cluster is not None else MANNERS,
            suspects=suspects(cluster.failures, now) if cluster is not None else frozenset(),
            spares=cluster.spares if cluster is not None else None,
            tab=self.meter.tab(name, self._tree.of(name)),
        )

    def apply(self, plan: Plan) -> None:
        """Take over a plan: its places count as used from now on, its orders and verdicts are told to the jobs."""
        ordered: set[str] = set()
        for decision in plan.decisions:
            job = self.store.jobs.get(decision.key)
            if job is None or job.uid != decision.uid:
                continue
            match decision:
                case Place():
                    self._promises.place(job, decision)
                    self._waiting.look_at(job.key)
                    self._mark(job.key)
                    self._listener.wake()
                case Evict() | Resize():
                    ordered.add(job.key)
                    if self._promises.order(job, decision, plan.cluster):
                        self._mark(job.key)
                case Wait():
                    if self._promises.wait(decision, job.generation):
                        self._mark(job.key)
        self._promises.recall(plan.cluster, ordered)

    # facts for reconcilers --------------------------------------------------------------------------------

    def diary(self, cluster: str) -> Diary:
        """Return what the queues that serve an AICluster have booked; the same object while their specs stay."""
        return self._tree.diary(cluster)

    def pods_of(self, namespace: str, job_name: str) -> tuple[PodFact, ...]:
        """Return every pod labelled with that job, by index, whatever job object owns it."""
        return self.pod_sink.of_job(namespace, job_name)

    def health_of(self, job: Job) -> tuple[NodeHealth, ...]:
        """Return the state of every node of the job's placement, in its order; none without a placement."""
        placement = job.progress.placement
        if placement is None:
            return ()
        # A pod that has just taken its place would else be counted beside the place that was held for it.
        self._waiting.settle(self._clock.now())
        return tuple(
            self.healths.of(name, placement.resource, self._holds.amount(name, placement.resource))
            for name in dict.fromkeys(one.name for one in placement.nodes)
        )

    def troubles_of(self, snapshot: Snapshot, pool: str | None = None) -> Troubles:
        """Return what the nodes of an AICluster report, or those of one of its pools."""
        return collect({name: self.healths.faults_of(name) for name in snapshot.reporting(pool)})

    def served(self, job: Job) -> bool:
        """Tell whether the job has its Service."""
        return self.service_sink.owner(job.namespace, job.name) == job.uid

    def decision_for(self, key: str, uid: str) -> Decision | None:
        """Return what has been decided for a job and is not in its status yet; None if there is no news."""
        return self._promises.decision(key, uid)

    def carried_out(self, key: str, uid: str) -> None:
        """The status with the placement has been stored."""
        self._promises.carried_out(key, uid)

    @contextmanager
    def launching(self, key: str) -> Iterator[None]:
        """Hold a job's places for as long as its pods are being created, even if the job is deleted meanwhile.

        A creation under way can't be called back: giving its place to another gang would put two there.
        """
        self._waiting.launch_begins(key)
        try:
            yield
        finally:
            self._waiting.launch_ends(key)
            self._listener.wake_lazily()

    def give_back(self, key: str, uid: str) -> None:
        """The placement will not be used: it is free again. A promise to an earlier job of that name is not meant."""
        self._promises.give_back(key, uid)
        self._waiting.look_at(key)
        self._listener.wake()

    def snapshot_of(self, cluster: str) -> Snapshot:
        """Return the snapshot of one AICluster as it is now.

        Raises:
            KeyError: there is no such AICluster.
        """
        known = next((one for one in self.view() if one.cluster == cluster), None)
        if known is not None:
            return known
        if cluster in self.store.clusters:
            return self._cutter.cut(Layout(cluster, (), ()), ())[0]
        raise KeyError(cluster)

    def now(self) -> float:
        """Return the time by the clock that everything here is told by, seconds since the epoch."""
        return self._clock.now()

    def oddities_of(self, cluster: str) -> tuple[Oddity, ...]:
        """Return what discovery found odd about an AICluster."""
        layout = self._layouts.current().get(cluster)
        return layout.oddities if layout is not None else ()

    # what changed -----------------------------------------------------------------------------------------

    def set_priorities(self, values: Mapping[str, int]) -> None:
        """Take over the value of every PriorityClass."""
        if self._waiting.priorities != values:
            self._waiting.priorities = dict(values)
            self._waiting.look_at_all()
            self._listener.wake()

    def set_namespaces(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Take over the labels of every namespace."""
        before = self._waiting.namespaces
        changed = {name for name in before.keys() | labels if before.get(name) != labels.get(name)}
        if not changed:
            return
        self._waiting.namespaces = dict(labels)
        for job in self.store.jobs.values():
            if job.namespace in changed:
                self._waiting.look_at(job.key)
        self._listener.wake_lazily()

    def _home_of(self, pool: str) -> str | None:
        known = self.store.pools.get(pool)
        return known.cluster if known is not None else None

    def _is_accelerator(self, resource: str) -> bool:
        return self._layouts.is_accelerator(resource)

    # Made before what answers to it: looked up when something changes.

    def _stored(self, kind: Kind, key: str, before: Domain | None, after: Domain | None) -> None:
        self.meter.stored(before, after)
        self._ripples.stored(kind, key, before, after)

    def _node_changed(self, name: str) -> None:
        self._ripples.node(name)

    def _pods_changed(self, job: JobKey) -> None:
        self._ripples.pods(job)

    def _mark(self, key: str) -> None:
        """Have a job looked at."""
        self._listener.mark(Kind.JOB, key)
