"""What the API server refuses by the CRDs and their policy, and with which words. No operator runs here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.support.bad_objects import Case, Json, bad_objects, bad_updates, good_objects, good_updates
from tests.support.control_plane import ControlPlane
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.waiting import eventually
from tools.generated import CRDS, ROOT


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane) -> Iterator[Kubectl]:
    """Return kubectl on a server that has the CRDs and one good object of each kind."""
    run = control_plane.kubectl
    run("apply", "--server-side", "-f", str(ROOT / CRDS))
    run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    run.apply(*good_objects())
    unsized = next(case for case in bad_objects() if case.title == "TrainingJob: workers as text")
    # The API server takes a moment to put a policy into force.
    eventually(lambda: answer(run, "create", renamed(unsized.bad, "early")), within=20)
    yield run
    for good in good_objects():
        run.delete(good["kind"], good["metadata"]["name"], good["metadata"].get("namespace"), wait=False)


def answer(kubectl: Kubectl, verb: str, given: Json) -> str:
    """Return why the server refuses an object, or nothing if it takes it. Nothing is stored either way."""
    try:
        kubectl(verb, "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(given))
    except KubectlError as error:
        return " ".join(error.stderr.split())
    return ""


def titled(cases: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.title) for case in cases]


@pytest.mark.parametrize("case", titled(bad_objects()))
def test_a_bad_object_is_refused_with_a_sentence_about_it(kubectl: Kubectl, case: Case) -> None:
    # Under another name, so that what is refused is the object and not a change of the stored one.
    name = case.bad["metadata"]["name"]
    given = case.bad if name != case.good["metadata"]["name"] else renamed(case.bad, f"new-{name}")
    assert " ".join(case.says.split()) in answer(kubectl, "create", given)


@pytest.mark.parametrize("case", titled(bad_updates()))
def test_a_change_of_what_is_fixed_is_refused_with_the_way_out(kubectl: Kubectl, case: Case) -> None:
    assert case.says in answer(kubectl, "replace", case.bad)


@pytest.mark.parametrize("good", [pytest.param(good, id=good["kind"]) for good in good_objects()])
def test_a_good_object_is_taken(kubectl: Kubectl, good: Json) -> None:
    assert answer(kubectl, "create", renamed(good, "another")) == ""


@pytest.mark.parametrize(
    "after", [pytest.param(after, id=f"{after['kind']}-{n}") for n, (_, after) in enumerate(good_updates())]
)
def test_a_change_of_what_may_change_is_taken(kubectl: Kubectl, after: Json) -> None:
    assert answer(kubectl, "replace", after) == ""


def test_a_job_that_leaves_things_out_gets_the_defaults(kubectl: Kubectl) -> None:
    stored = kubectl.get("tj", "train", "default")["spec"]
    assert (stored["queue"], stored["suspend"], stored["restart"]) == (
        "default",
        False,
        {"maxRestarts": 3, "scope": "Gang"},
    )


def test_what_a_template_holds_beyond_our_schema_is_kept(kubectl: Kubectl) -> None:
    container = kubectl.get("tj", "train", "default")["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["torchrun", "train.py"]


def renamed(given: Json, name: str) -> Json:
    return {**given, "metadata": {**given["metadata"], "name": name}}
