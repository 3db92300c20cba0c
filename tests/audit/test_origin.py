"""Which request it was: in the event, in the answer, in the log."""

import logging
import re
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import Event
from apps.audit.origin import Origin, coming_from, present_origin
from ptm_site.trace import new_request_id
from tests.worlds import World

NUMBER = re.compile(r"[0-9a-f]{24}")


def test_an_event_names_the_request_that_made_it(world: World) -> None:
    client = world.person("alice")
    answers = [
        client.post("/api/v1/tasks/", world.task_body(), REMOTE_ADDR=address)
        for address in ("192.0.2.1", "2001:db8::1")
    ]
    for answer, address in zip(answers, ("192.0.2.1", "2001:db8::1"), strict=True):
        number = answer["X-Request-ID"]
        assert NUMBER.fullmatch(number)
        found = Event.objects.filter(request_id=number)
        assert found.filter(action="task.created").count() == 1
        assert set(found.values_list("address", flat=True)) == {address}
    assert answers[0]["X-Request-ID"] != answers[1]["X-Request-ID"]


def test_the_same_address_has_another_digest_each_time(world: World) -> None:
    world.send()
    digests = list(Event.objects.exclude(address="").values_list("address_digest"))
    assert len(set(digests)) == len(digests) > 1


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "203.0.113.9"}, {"X-Real-IP": "203.0.113.9"}],
    ids=str,
)
def test_no_header_says_where_a_client_is(
    world: World, headers: dict[str, str]
) -> None:
    client = world.person("alice")
    answer = client.post("/api/v1/tasks/", world.task_body(), headers=headers)
    found = Event.objects.filter(request_id=answer["X-Request-ID"])
    assert set(found.values_list("address", flat=True)) == {"127.0.0.1"}


def test_a_client_does_not_choose_the_number(world: World) -> None:
    headers = {"X-Request-ID": "a" * 24}
    answer = world.person("alice").get("/api/v1/me/", headers=headers)
    assert answer["X-Request-ID"] != "a" * 24


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing/", 302), ("/api/v1/nothing/", 404), ("/tasks/", 302)],
)
def test_refusals_have_a_number_too(db: None, path: str, status: int) -> None:
    answer = Client().get(path)
    assert answer.status_code == status
    assert NUMBER.fullmatch(answer["X-Request-ID"])


def test_an_incident_is_logged_with_its_request(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("made up")

    monkeypatch.setattr("apps.accounts.api.Me.get_object", fail)
    client = world.person("alice")
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/v1/me/")
    assert answer.status_code == 500
    line = f"Incident {answer.json()['incident']} (request {answer['X-Request-ID']})"
    assert line in caplog.text


def test_outside_a_request_there_is_no_origin(world: World) -> None:
    """The world was built by services alone."""
    made = Event.objects.filter(action="collaboration.created")
    assert set(made.values_list("request_id", "address", "address_digest")) == {
        ("", "", "")
    }


def test_a_request_leaves_nothing_behind(db: None) -> None:
    with coming_from(Origin("a1", "192.0.2.1")):
        with coming_from(Origin("b2")):
            assert present_origin() == Origin("b2")
        assert present_origin() == Origin("a1", "192.0.2.1")
    Client().get("/nothing/")
    assert present_origin() == Origin()


def test_numbers_of_requests_grow() -> None:
    numbers = [new_request_id() for _ in range(1000)]
    assert len(set(numbers)) == 1000
    times = [number[:12] for number in numbers]
    assert times == sorted(times)
