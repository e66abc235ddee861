"""Faults that people and other controllers make: pods and objects changed, deleted and put in the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from crosstree.base.names import API_VERSION, LABEL_ATTEMPT, LABEL_INDEX, LABEL_JOB
from localcluster import ApiError, faults
from tests.chaos.kinds import kind
from tests.chaos.stage import JOBS, PATIENCE, PODS, Json, Stage
from tests.support import sightings
from tests.support.judge import LAG
from tests.support.objects import GPU, a_cluster, a_foreign_pod, a_job
from tests.support.waiting import eventually

GROUP = f"/apis/{API_VERSION}"
NOW: Json = {"gracePeriodSeconds": 0}


def _a_pod(stage: Stage) -> Json:
    """Return a pod of a gang that runs all the time."""
    found: Json = stage.chance.choice(stage.pods(stage.a_standing_gang()))
    return found


def _path(pod: Json) -> str:
    return f"{PODS}/{pod['metadata']['name']}"


@kind("pod/deleted", "A pod of a gang is deleted by hand.", harms=True)
def pod_deleted(stage: Stage) -> Iterator[None]:
    stage.api.delete(_path(_a_pod(stage)))
    yield


@kind("pod/force-deleted", "A pod of a gang is deleted by force.", harms=True)
def force_deleted(stage: Stage) -> Iterator[None]:
    stage.api.delete(_path(_a_pod(stage)), NOW)
    yield


@kind("pod/all-deleted", "All pods of a gang are deleted by hand.", harms=True)
def all_deleted(stage: Stage) -> Iterator[None]:
    for pod in stage.pods(stage.a_standing_gang()):
        stage.api.delete(_path(pod))
    yield


@kind("pod/evicted", "A pod of a gang is evicted through the eviction API.", harms=True)
def evicted(stage: Stage) -> Iterator[None]:
    name = _a_pod(stage)["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "chaos"}}
    stage.api.post(f"{PODS}/{name}/eviction", body)
    yield


@kind("pod/fails", "A worker of a gang ends badly.", harms=True)
def fails(stage: Stage) -> Iterator[None]:
    faults.fail_pod(stage.api, "chaos", _a_pod(stage)["metadata"]["name"], exit_code=137, reason="OOMKilled")
    yield


@kind("pod/fails-alone", "A worker that may come back alone ends badly, and the operator is killed.")
def fails_alone(stage: Stage) -> Iterator[None]:
    stage.create(a_job("elastic", workers=3, framework={"name": "custom"}, restart={"scope": "Worker"}))
    eventually(lambda: stage.status("elastic").get("phase") == "Running", within=PATIENCE)
    before = {pod["metadata"]["uid"] for pod in stage.pods("elastic")}
    faults.fail_pod(stage.api, "chaos", "elastic-worker-1", exit_code=1)
    stage.hold(stage.chance.uniform(0.0, 0.3))
    stage.replace_operator()
    yield
    eventually(
        lambda: [pod for pod in stage.pods("elastic") if pod["status"].get("phase") == "Running"],
        until=lambda pods: len(pods) == 3 and len(before & {pod["metadata"]["uid"] for pod in pods}) == 2,
        within=PATIENCE,
        what="the worker ran again, and the others went on",
    )
    status = stage.status("elastic")
    assert (status["attempt"], len(status["restarts"])) == (1, 1), status
    stage.api.delete(f"{JOBS}/elastic")


@kind(
    "pod/fails-at-start", "Every worker of one gang ends badly at once, before the gang is whole.", harms=True
)
def fails_at_start(stage: Stage) -> Iterator[None]:
    job = a_job("bad-start", workers=3, pods={"localcluster.dev/exit-code": "1"}, run_seconds=0)
    stage.create(job)
    yield
    stage.api.delete(f"{JOBS}/bad-start")


@kind("pod/foreign-grab", "Foreign pods take the free nodes, bound by hand.")
def foreign_grab(stage: Stage) -> Iterator[None]:
    busy = {pod["spec"].get("nodeName") for pod in stage.api.get("/api/v1/pods")["items"]}
    names = [one["metadata"]["name"] for one in stage.api.get("/api/v1/nodes")["items"]]
    free = sorted(set(names) - busy)
    for node in free:
        stage.api.post(PODS, a_foreign_pod(f"foreign-{node}", node, {GPU: "8"}))
    # A gang that starts at this moment may lose the race. One that comes when all have heard waits: it is larger than
    # what ends meanwhile.
    stage.hold(LAG + 1.0)
    patient = stage.a_gang("patient")
    patient["spec"]["workers"] = 8
    stage.create(patient)
    yield
    for node in free:
        with suppress(ApiError):
            stage.api.delete(f"{PODS}/foreign-{node}", NOW)
    stage.done([patient["metadata"]["name"]])


@kind("pod/outrun", "A foreign pod is bound by hand while kube-scheduler is binding ours to the same node.")
def outrun(stage: Stage) -> Iterator[None]:
    gang = stage.a_gang("outrun", seconds=None)
    name, workers = gang["metadata"]["name"], gang["spec"]["workers"]
    with stage.frozen("kube-scheduler"):
        stage.create(gang)
        eventually(lambda: len(stage.pods(name)) == workers, within=PATIENCE, what="its pods were made")
        worker = stage.pods(name)[0]
        node = sightings.pod(worker).pinned
        stage.api.post(PODS, a_foreign_pod("quicker", node, {GPU: "8"}))
        # What a kube-scheduler does that has not heard of it yet.
        bound = {"metadata": {"name": worker["metadata"]["name"]}, "target": {"kind": "Node", "name": node}}
        stage.api.post(f"{_path(worker)}/binding", {"apiVersion": "v1", "kind": "Binding", **bound})
    yield
    eventually(
        lambda: (stage.status(name), stage.nodes(name)),
        until=lambda seen: seen[0].get("phase") == "Running" and node not in seen[1],
        within=PATIENCE,
        what="the gang ran elsewhere",
    )
    assert not stage.status(name).get("restartsCharged"), stage.status(name)
    stage.api.delete(f"{PODS}/quicker", NOW)
    stage.api.delete(f"{JOBS}/{name}")


@kind("pod/name-taken", "A foreign pod has the name of a worker of the next gang.")
def name_taken(stage: Stage) -> Iterator[None]:
    node = stage.api.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    stage.api.post(PODS, a_foreign_pod("wanted-worker-1", node, {"cpu": "1m"}))
    stage.create(a_job("wanted", workers=3, run_seconds=1))
    yield
    stage.api.delete(f"{PODS}/wanted-worker-1", NOW)
    stage.done(["wanted"])


@kind("pod/labels-removed", "Our labels are taken off a pod of a gang.", harms=True)
def labels_removed(stage: Stage) -> Iterator[None]:
    labels = dict.fromkeys((LABEL_JOB, LABEL_INDEX, LABEL_ATTEMPT))
    pod = _a_pod(stage)
    stage.api.patch(_path(pod), {"metadata": {"labels": labels}})
    yield
    # Nobody's pod now, though the job's name is in it: a person who hides a pod takes it away in the end.
    with suppress(ApiError):
        stage.api.delete(_path(pod), NOW)


@kind("pod/owner-removed", "The owner is taken off a pod of a gang.", harms=True)
def owner_removed(stage: Stage) -> Iterator[None]:
    pod = _a_pod(stage)
    stage.api.patch(_path(pod), {"metadata": {"ownerReferences": None}})
    yield
    with suppress(ApiError):
        stage.api.delete(_path(pod), NOW)


@kind("job/recreated", "A job is deleted and made again under its name while it runs.", harms=True)
def recreated(stage: Stage) -> Iterator[None]:
    stage.create(a_job("twice", workers=4))
    eventually(lambda: stage.status("twice").get("phase") == "Running", within=PATIENCE)
    stage.api.delete(f"{JOBS}/twice")
    stage.create(a_job("twice", workers=2, run_seconds=1))
    yield
    stage.done(["twice"])


@kind("job/deleted-at-start", "Jobs are deleted in the moment in which their pods are made.")
def deleted_at_start(stage: Stage) -> Iterator[None]:
    names = [f"brief-{number}" for number in range(4)]
    for name in names:
        stage.create(a_job(name, workers=3))
        stage.hold(stage.chance.uniform(0.0, 0.2))
        stage.api.delete(f"{JOBS}/{name}")
    yield
    eventually(
        lambda: [pod for name in names for pod in stage.pods(name)],
        until=lambda left: not left,
        within=PATIENCE,
        what="nothing was left of the deleted jobs",
    )


@kind("job/suspended", "A gang that runs is suspended and resumed.", harms=True)
def suspended(stage: Stage) -> Iterator[None]:
    name = stage.a_standing_gang()
    stage.api.patch(f"{JOBS}/{name}", {"spec": {"suspend": True}})
    yield
    stage.api.patch(f"{JOBS}/{name}", {"spec": {"suspend": False}})


@kind("job/labelled", "A job gets labels and annotations that mean nothing to us.")
def labelled(stage: Stage) -> Iterator[None]:
    meta = {"labels": {"a": "b"}, "annotations": {"note": "x" * 50_000}}
    stage.api.patch(f"{JOBS}/{stage.a_standing_gang()}", {"metadata": meta})
    yield


def _spoil(stage: Stage, status: Json) -> None:
    """Write into the status of a gang that runs, as somebody with a text editor does."""
    path = f"{JOBS}/{stage.a_standing_gang()}"
    stage.observer.judge.excused.add(stage.api.get(path)["metadata"]["uid"])
    stage.api.patch(f"{path}/status", {"status": status})


@kind("job/status-spoiled", "Nonsense is written into the status of a gang that runs.", harms=True)
def status_spoiled(stage: Stage) -> Iterator[None]:
    _spoil(
        stage, {"phase": "Nonsense", "attempt": 0, "startedAt": None, "span": "77 moons", "conditions": []}
    )
    yield


@kind("job/placement-removed", "The placement is taken out of the status of a gang that runs.", harms=True)
def placement_removed(stage: Stage) -> Iterator[None]:
    _spoil(stage, {"placement": None})
    yield


@kind(
    "job/status-emptied",
    "The status of a gang that runs is emptied, as by a restore without status.",
    harms=True,
)
def status_emptied(stage: Stage) -> Iterator[None]:
    name = stage.a_standing_gang()
    fields = dict.fromkeys(stage.status(name))
    path = f"{JOBS}/{name}"
    stage.observer.judge.excused.add(stage.api.get(path)["metadata"]["uid"])
    stage.api.patch(f"{path}/status", {"status": fields})
    yield


@kind("object/service-deleted", "The Service of a gang that runs is deleted.")
def service_deleted(stage: Stage) -> Iterator[None]:
    name = stage.a_standing_gang()
    path = f"/api/v1/namespaces/chaos/services/{name}"
    stage.api.delete(path)
    yield
    eventually(lambda: stage.api.get(path), within=PATIENCE, what=f"Service {name} was made again")


@kind("object/cluster-edited", "The AICluster is edited: another preset of the fabric, and back.")
def cluster_edited(stage: Stage) -> Iterator[None]:
    path = f"{GROUP}/aiclusters/east"
    stage.api.patch(path, {"spec": {"fabric": {"preset": "Zone"}}})
    stage.hold(0.5)
    stage.api.patch(path, {"spec": {"fabric": None}})
    yield


@kind("object/cluster-recreated", "The AICluster is deleted and made again.")
def cluster_recreated(stage: Stage) -> Iterator[None]:
    stage.api.delete(f"{GROUP}/aiclusters/east")
    yield
    stage.api.post(f"{GROUP}/aiclusters", a_cluster())


@kind("object/queue-deleted", "The default JobQueue is deleted.")
def queue_deleted(stage: Stage) -> Iterator[None]:
    stage.api.delete(f"{GROUP}/jobqueues/default")
    yield
    eventually(
        lambda: stage.api.get(f"{GROUP}/jobqueues/default"), within=PATIENCE, what="the queue was made again"
    )


@kind("object/pool-deleted", "The AcceleratorPools are deleted.")
def pool_deleted(stage: Stage) -> Iterator[None]:
    for pool in stage.api.get(f"{GROUP}/acceleratorpools")["items"]:
        stage.api.delete(f"{GROUP}/acceleratorpools/{pool['metadata']['name']}")
    yield


@kind("object/namespace-quota", "The quota of the namespace is used up for a while.")
def quota(stage: Stage) -> Iterator[None]:
    path = "/api/v1/namespaces/chaos/resourcequotas"
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "1"}},
    }
    stage.api.post(path, body)
    yield
    stage.api.delete(f"{path}/none")
