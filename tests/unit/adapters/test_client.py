"""The client: bytes in and out, and foreign errors as ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from crosstree.adapters.client import Api
from crosstree.base import errors
from tests.unit.adapters.apiserver import refuses, says, serving, streams


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (400, "BadRequest", errors.Refused),
        (401, "Unauthorized", errors.Unavailable),
        (403, "Forbidden", errors.Refused),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Expired),
        (422, "Invalid", errors.Refused),
        (429, "TooManyRequests", errors.Throttled),
        (500, "InternalError", errors.Unavailable),
        (504, "Timeout", errors.Unavailable),
    ],
)
async def test_each_answer_becomes_one_class_of_error(status: int, reason: str, expected: type) -> None:
    async with serving(refuses(status, reason, "because")) as (api, _):
        with pytest.raises(errors.ApiError) as caught:
            await api.request("GET", "/api/v1/pods")
    assert type(caught.value) is expected
    assert caught.value.status == status
    assert str(caught.value) == f"GET /api/v1/pods: {status} {reason}: because"


@pytest.mark.parametrize("status", [429, 503])
async def test_server_that_asks_for_patience_is_throttling(status: int) -> None:
    async with serving(refuses(status, Retry_After="7")) as (api, _):
        with pytest.raises(errors.Throttled) as caught:
            await api.request("GET", "/x")
    assert caught.value.retry_after == 7.0


async def test_answer_of_a_proxy_that_is_no_json_is_still_told() -> None:
    async def page(_):
        return aiohttp.web.Response(status=502, text="<html>bad gateway</html>")

    async with serving(page) as (api, _):
        with pytest.raises(errors.Unavailable, match="bad gateway"):
            await api.request("GET", "/x")


async def test_nobody_listening_is_unavailable() -> None:
    api = Api("http://127.0.0.1:1", aiohttp.ClientSession())
    with pytest.raises(errors.Unavailable, match="GET /x: "):
        await api.request("GET", "/x")
    await api.close()


async def test_connection_cut_in_the_body_is_unavailable() -> None:
    async with serving(streams(b'{"half":', cut=True)) as (api, _):
        with pytest.raises(errors.Unavailable):
            await api.request("GET", "/x")


async def test_a_page_of_a_proxy_instead_of_an_object_is_unavailable() -> None:
    for page in ("<html>Please log in</html>", '{"items": [', "[]"):

        async def answer(_: aiohttp.web.Request, page: str = page) -> aiohttp.web.StreamResponse:
            return aiohttp.web.Response(text=page)

        async with serving(answer) as (api, _):
            with pytest.raises(errors.Unavailable, match="the answer is no JSON object"):
                await api.get_json("/api/v1/nodes/n")


async def test_no_answer_in_time_is_unavailable() -> None:
    async with serving(streams(b"{", stay=True)) as (api, _):
        with pytest.raises(errors.Unavailable, match="no answer in time"):
            await api.request("GET", "/x", timeout=0.1)


async def test_call_after_close_is_unavailable_and_not_a_crash() -> None:
    async with serving(says({})) as (api, _):
        await api.close()
        with pytest.raises(errors.Unavailable):
            await api.request("GET", "/x")


async def test_body_goes_out_as_the_bytes_it_is() -> None:
    async with serving(says({"ok": True})) as (api, server):
        await api.request("PATCH", "/x", body=b'{ "a":1}', content_type="application/merge-patch+json")
    assert server.asked[0][3] == b'{ "a":1}'


async def test_refused_credentials_are_renewed_once() -> None:
    renewed = []

    async def renew() -> None:
        renewed.append(1)

    async def authorise() -> dict[str, str]:
        return {"authorization": f"Bearer {len(renewed)}"}

    async def check(request):
        good = request.headers["authorization"] == "Bearer 1"
        return aiohttp.web.json_response({}, status=200 if good else 401)

    async with serving(check) as (plain, _):
        api = Api(plain.host, aiohttp.ClientSession(), authorise=authorise, renew=renew)
        assert await api.get_json("/x") == {}
        await api.close()
    assert len(renewed) == 1


async def test_every_request_is_counted_once_with_its_outcome() -> None:
    seen = []
    async with serving(says({}), refuses(404)) as (api, _):
        api.observe = lambda *told: seen.append(told[:3])
        await api.request("GET", "/api/v1/namespaces/a/pods/b")
        with pytest.raises(errors.NotFound):
            await api.request(
                "PATCH", "/apis/crosstree.dev/v1alpha1/namespaces/a/trainingjobs/b/status", body=b"{}"
            )
    assert seen == [("GET", "pods", "ok"), ("PATCH", "trainingjobs/status", "NotFound")]


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: secret}}]
"""


async def test_kubeconfig_is_found_by_path_and_by_environment(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    for path in (str(file), None):
        monkeypatch.setenv("KUBECONFIG", str(file))
        api = await Api.connect(path)
        assert api.host == "http://127.0.0.1:1"
        await api.close()


@pytest.mark.parametrize(
    ("text", "context", "told"),
    [
        (None, None, "does not exist"),
        (KUBECONFIG, "other", "context 'other' of kubeconfig"),
        ("a: [", None, "can't be used"),
        ("", None, "can't be used"),
    ],
)
async def test_kubeconfig_that_cannot_work_says_so(tmp_path: Path, text, context, told) -> None:
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(errors.SettingsError, match=told):
        await Api.connect(str(file), context)


async def test_without_any_configuration_the_way_out_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.SettingsError, match="Name a kubeconfig"):
        await Api.connect()


async def test_sixty_four_requests_are_in_flight_at_once() -> None:
    together = asyncio.Barrier(64)

    async def answers_when_all_are_there(_):
        await together.wait()
        return aiohttp.web.json_response({})

    async with serving(answers_when_all_are_there) as (api, _), asyncio.timeout(20):
        await asyncio.gather(*(api.request("GET", "/x") for _ in range(64)))


async def test_sessions_that_nobody_closed_are_closed_with_the_connection() -> None:
    api = Api("http://127.0.0.1:1", aiohttp.ClientSession())
    others = [await api.extra_session(fresh=False) for _ in range(2)]
    await others[0].close()
    await api.close()
    assert [one.closed for one in others] == [True, True]
