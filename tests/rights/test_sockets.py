"""Every cell about sockets: what each reader hears of each topic."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from apps.nodes.sockets import UNKNOWN
from apps.tasks.consumers import REFUSED
from ptm_site.asgi import application
from tests.rights.conftest import Stage
from tests.rights.doors import PLACE
from tests.rights.readers import Reader
from tests.rights.stage import missing
from tools.permissions.table import Row, rows_of

pytestmark = pytest.mark.django_db

LIVE, WORK = rows_of("live"), rows_of("work")
# What everybody who is signed in may not hear, asked last: when it is closed, all that
# there was to say has been said.
END = "this is no frame"


@pytest.fixture(autouse=True)
def _keep_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels closes connections that are within a transaction, as the stage is."""
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)


@async_to_sync
async def heard(reader: Reader, path: str, *frames: str) -> list[str]:
    """All that a socket says until it closes, with the code with which it does."""
    communicator: Any = ApplicationCommunicator  # untyped
    headers = [(b"origin", settings.PUBLIC_URL.encode())]
    if reader.session:
        cookie = f"{settings.SESSION_COOKIE_NAME}={reader.session}"
        headers.append((b"cookie", cookie.encode()))
    for name, value in reader.headers(path).items():
        headers.append((name.lower().encode(), value.encode()))
    scope = {"type": "websocket", "path": path, "headers": headers}
    socket = communicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"
    for frame in frames:
        await socket.send_input({"type": "websocket.receive", "text": frame})
    said: list[str] = []
    while not said or not said[-1].isdigit():
        message = await socket.receive_output(5)
        said.append(message.get("text") or str(message["code"]))
        if not frames:
            break
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait()
    return said


def word_of_topic(reader: Reader, topic: str) -> str:
    said = heard(reader, "/ws/live/", json.dumps({"watch": [topic]}), END)
    if said[0] == str(REFUSED):
        return "sign"
    assert said[-1] != str(REFUSED)
    return "yes" if said[:-1] == [json.dumps({"topic": topic})] else "hide"


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.name)
def test_a_page_hears_of_what_its_reader_may_see(stage: Stage, row: Row) -> None:
    topic = row.path.rsplit("/", 1)[-1]
    things = PLACE.findall(topic)
    own = topic.format(**stage.own.things)
    foreign = topic.format(**stage.rival.things)
    nothing = topic.format(**{name: missing(name) for name in things})
    words = {name: word_of_topic(stage.readers[name], own) for name in row.cells}
    assert words == row.cells
    for name, word in row.cells.items():
        reader, silence = stage.readers[name], "sign" if word == "sign" else "hide"
        assert word_of_topic(reader, nothing) == silence
        if not reader.sees_all and not reader.is_rival:
            assert word_of_topic(reader, foreign) == silence


@pytest.mark.parametrize("row", WORK, ids=lambda row: row.name)
def test_a_node_hears_of_work_with_its_own_key_only(stage: Stage, row: Row) -> None:
    words = {}
    for name in row.cells:
        said = heard(stage.readers[name], "/ws/node/")
        assert said in ([json.dumps({"type": "look"})], [str(UNKNOWN)])
        words[name] = "sign" if said == [str(UNKNOWN)] else "yes"
    assert words == row.cells
