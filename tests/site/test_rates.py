"""How many requests a minute: per address, person and token, and what answers say."""

from typing import Any

import pytest
from django.conf import LazySettings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from apps.accounts.choices import TokenScope
from ptm_site import rates
from ptm_site.held import AGAIN
from tests.worlds import World

ME = "/api/v1/me/"
NOON = 43_200  # the first second of a minute


@pytest.fixture(autouse=True)
def clock(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Four requests a minute of a token, eight of a person, sixteen of an address."""
    settings.REQUESTS_A_MINUTE = 4
    now = [float(NOON)]
    monkeypatch.setattr(rates, "time", lambda: now[0])
    return now


def statuses(client: APIClient, times: int, **more: Any) -> list[int]:
    return [client.get(ME, **more).status_code for _ in range(times)]


def left(answer: Any) -> tuple[int, int, int]:
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    limit, remaining, reset = (int(answer[name]) for name in names)
    return limit, remaining, reset


def test_a_token_is_told_what_is_left_and_when_to_come_again(
    world: World, clock: list[float]
) -> None:
    client = world.client("alice", TokenScope.READ)
    assert [left(client.get(ME)) for _ in range(2)] == [(4, 3, 60), (4, 2, 60)]
    clock[0] += 20
    assert statuses(client, 2) == [200, 200]
    refused = client.get(ME)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["Retry-After"] == "40"
    assert left(refused) == (4, 0, 40)
    clock[0] += 40  # exactly as long as it was told
    assert client.get(ME).status_code == 200


def test_another_token_of_the_person_goes_on_as_far_as_the_person_may(
    world: World,
) -> None:
    tokens = [world.client("alice", TokenScope.READ) for _ in range(3)]
    assert statuses(tokens[0], 5) == [200] * 4 + [429]
    assert statuses(tokens[1], 3) == [200] * 3
    assert left(tokens[2].get(ME))[0] == 8  # the person has less left than the token
    assert tokens[2].get(ME).status_code == 429
    assert world.client("bob").get(ME).status_code == 200


def test_a_session_counts_for_its_person(world: World) -> None:
    browser = APIClient()
    browser.force_login(world.people["alice"])
    assert statuses(browser, 9) == [200] * 8 + [429]
    assert browser.get("/account/").status_code == 200


def test_refused_requests_count_for_their_address(world: World) -> None:
    assert statuses(APIClient(), 17) == [401] * 16 + [429]
    alice = world.client("alice", TokenScope.READ)
    refused = alice.get(ME)
    assert (refused.status_code, refused.json()["status"]) == (429, 429)
    assert left(refused) == (16, 0, 60)
    assert refused["Retry-After"] == "60"
    elsewhere = alice.get(ME, REMOTE_ADDR="10.0.0.9")
    assert elsewhere.status_code == 200


def test_strangers_are_not_one_person(world: World) -> None:
    """Where a view lets them in, their address is all that is counted."""

    class Open(APIView):
        permission_classes = (AllowAny,)

        def get(self, request: Request) -> Response:
            return Response("open")

    door = rates.RateLimits(Open.as_view())
    answers = [door(APIRequestFactory().get(ME)) for _ in range(17)]
    assert [a.status_code for a in answers] == [200] * 16 + [429]


def test_requests_beyond_the_scope_count_too(world: World) -> None:
    reader = world.client("alice", TokenScope.READ)
    answers = [reader.post("/api/v1/tasks/", {}) for _ in range(17)]
    assert [a.status_code for a in answers] == [403] * 16 + [429]


def test_nodes_and_pages_are_not_counted(world: World) -> None:
    node = world.nodes[0]
    answers = [node.heartbeat([]) for _ in range(20)]
    assert {a.status_code for a in answers} == {200}
    assert "RateLimit-Limit" not in answers[0]
    browser = APIClient()
    browser.force_login(world.people["alice"])
    assert {browser.get("/tasks/").status_code for _ in range(20)} == {200}


def test_a_held_request_counts_once_however_often_it_is_asked_again(
    world: World,
) -> None:
    client = world.client("alice", TokenScope.READ)
    handler: Any = client.handler
    plain = handler.get_response

    def by_a_hint(request: Any) -> Any:
        request.scope = {AGAIN: True}
        return plain(request)

    handler.get_response = by_a_hint
    assert statuses(client, 20) == [200] * 20
    handler.get_response = plain
    assert statuses(client, 5) == [200] * 4 + [429]


def test_nothing_is_counted_where_the_operator_says_so(
    world: World, settings: LazySettings
) -> None:
    settings.REQUESTS_A_MINUTE = 0
    client = world.client("alice", TokenScope.READ)
    assert statuses(client, 40) == [200] * 40
    assert "RateLimit-Limit" not in client.get(ME)
