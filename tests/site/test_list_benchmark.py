"""What `make bench` says of lists on PostgreSQL is measured on rows like real ones."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.tasks.models import Run, RunEvent, Task
from benchmarks import lists, throng
from benchmarks.crowd import OPEN
from benchmarks.figures import Figure, show
from benchmarks.load import Connection, requests_per_second
from benchmarks.turns import medians
from tests.worlds import World
from tools.rig.errors import RigError
from tools.rig.world import RESEARCHER

COUNT, BLOCK = 145, 50

pytestmark = pytest.mark.backends


class Answers(BaseHTTPRequestHandler):
    """200 with a body, or what the path says; the connection stays."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(self.path[1:] or 200))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.connections.add(self.client_address)

    do_POST = do_GET
    connections: set[Any] = set()  # noqa: RUF012

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Answers.connections.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def crowded(world: World) -> World:
    researcher = world.people["alice"]
    User.objects.filter(pk=researcher.pk).update(username=RESEARCHER)
    throng.fill(COUNT, [site.pk for site in world.sites], BLOCK)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # As before a measurement: what it last knew may be another test's rows.
            cursor.execute("ANALYZE")
    return world


def test_connections_are_kept_and_counted(port: int) -> None:
    links = [Connection(port, {}) for _ in range(2)]
    rate = requests_per_second(links, lambda link: link.get("/"), 0.1)
    assert rate > 20
    assert len(Answers.connections) == 2
    with links[0] as link:
        assert link.post("/201", b"{}", {"Idempotency-Key": "k"}) == b"{}"
        times = link.milliseconds("/", 3)
    links[1].link.close()
    assert len(times) == 3
    assert min(times) > 0


def test_a_server_that_refuses_is_not_measured(port: int) -> None:
    with Connection(port, {}) as link:
        with pytest.raises(RigError, match="GET /503 answered 503"):
            link.milliseconds("/503", 1)
        with pytest.raises(RigError, match="could not be kept up"):
            requests_per_second([link], lambda each: each.get("/404"), 1)


def test_measures_are_taken_in_turns() -> None:
    taken: list[str] = []

    def measure(name: str, value: float) -> list[float]:
        taken.append(name)
        return [value, value + len(taken)]

    found = medians([lambda: measure("a", 1), lambda: measure("b", 2)], 2)
    assert taken == ["a", "b", "a", "b"]
    assert found == [2, 4]


@pytest.mark.parametrize(("value", "met"), [(0.25, True), (0.24, False)])
def test_a_figure_may_have_a_least_value(
    value: float, met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = Figure("task creation ÷ empty view", value, "×", floor=0.25)
    show([figure])
    assert figure.met is met
    assert "≥ 0.25" in capsys.readouterr().out


def test_the_block_is_copied_with_all_that_belongs_to_it(crowded: World) -> None:
    tasks = Task.objects.order_by("pk")
    copies = (COUNT - BLOCK) // (BLOCK - OPEN)
    assert tasks.count() == BLOCK + copies * (BLOCK - OPEN)
    assert tasks.filter(status="open").count() == OPEN
    first = list(tasks.filter(status="finished")[: BLOCK - OPEN])
    last = list(tasks.reverse()[: BLOCK - OPEN])[::-1]
    quiet = set(Run.objects.filter(status="cancelled").values_list("task", flat=True))
    for old, new in zip(first[3:], last[3:], strict=True):
        if {old.pk, new.pk} & quiet:
            continue
        assert signature(old) == signature(new)
    new_task = crowded.send()
    assert new_task["id"] > last[-1].pk


def signature(task: Task) -> Any:
    runs = task.runs.order_by("pk")
    return (
        [(run.organization_id, run.status, run.is_current) for run in runs],
        {run.input.task_id == task.pk for run in runs},
        [run.result.size for run in runs],
        RunEvent.objects.filter(run__in=runs).count(),
    )


def test_the_quiet_reader_sees_a_few_from_everywhere(crowded: World) -> None:
    quiet = User.objects.get(username=throng.QUIET)
    seen = list(Task.objects.visible_to(quiet).order_by("pk"))
    assert len(seen) == throng.SEEN_BY_QUIET
    own = [task for task in seen if task.collaboration.name == "Quiet"]
    assert len(own) == throng.SEEN_BY_QUIET // 2
    everything = list(Task.objects.order_by("pk"))
    assert everything.index(seen[0]) < len(everything) / 10
    assert everything.index(seen[-1]) > len(everything) * 0.8


def test_every_page_that_is_measured_answers_its_reader(crowded: World) -> None:
    deep = {RESEARCHER: 10, throng.QUIET: 5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throng, "DEEP", deep)
        known = throng.known([site.pk for site in crowded.sites])
    sizes: dict[str, int] = {}
    for read in lists.reads():
        reader = known["readers"][read.reader]
        client = Client(headers={"Authorization": f"Bearer {reader['token']}"})
        if read.path == lists.PORTAL:
            client = Client()
            client.cookies["sessionid"] = reader["session"]
        answer = client.get(read.address(known))
        assert answer.status_code == 200, read.name
        if read.path == lists.API:
            sizes[read.name] = len(answer.json()["results"])
    assert sizes["API tasks, researcher, unfiltered, first page"] == 25
    assert sizes["API tasks, researcher, unfiltered, deep page"] == 10
    assert sizes["API tasks, researcher, name of three, first page"] == 3
    assert sizes["API tasks, researcher, name of none, first page"] == 0
    assert sizes["API tasks, quiet, unfiltered, first page"] == throng.SEEN_BY_QUIET
    assert sizes["API tasks, quiet, unfiltered, deep page"] == 5


def test_the_load_creates_a_task_for_one_organization(crowded: World) -> None:
    known = throng.known([site.pk for site in crowded.sites])
    sent: list[Any] = []

    class Link:
        def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
            sent.append(
                crowded.person("alice").post(
                    path, body, content_type="application/json", headers=headers
                )
            )

    for _ in range(2):
        lists.create_task(known, cast(Connection, Link()))
    assert [answer.status_code for answer in sent] == [201, 201]
    assert [len(answer.json()["runs"]) for answer in sent] == [1, 1]


@override_settings(ROOT_URLCONF="benchmarks.urls")
def test_the_empty_view_asks_who_it_is_and_no_more(world: World) -> None:
    alice = world.person("alice")
    alice.get("/api/v1/empty/")  # which notes that the token is in use
    with CaptureQueriesContext(connection) as captured:
        assert alice.get("/api/v1/empty/").status_code == 204
    assert len(captured) == 1
    assert Client().get("/api/v1/empty/").status_code == 401


def test_the_product_has_no_empty_view(world: World) -> None:
    assert world.person("alice").get("/api/v1/empty/").status_code == 404


def test_it_says_which_worker_answers() -> None:
    assert lists.worker() == "1 × ptm_site.process.Worker"
