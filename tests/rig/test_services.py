"""PostgreSQL and Redis answer, and are gone after their block."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from redis import Redis as RedisClient

from tools.rig.__main__ import main, run_with_services
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.postgres import Postgres
from tools.rig.process import free_port, port_taken
from tools.rig.redis import Redis

# Uses both services, says where they are, and ends with a status of its own.
USE_BOTH = """
import os, psycopg, redis, sys
with psycopg.connect(os.environ["DATABASE_URL"]) as link:
    assert link.execute("SELECT 1").fetchone() == (1,)
with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
    assert client.ping()
with open(sys.argv[1], "w") as file:
    print(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], file=file)
sys.exit(7)
"""


def pid_of_server(parent: int, name: str) -> int:
    """The child of `parent` whose program's name begins like that."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    names = {pid: Path(f"/proc/{pid}/comm").read_text() for pid in children}
    [found] = [int(pid) for pid, known in names.items() if known.startswith(name)]
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is initialized once, and started anew by each test."""
    return tmp_path_factory.mktemp("postgres")


def test_postgres_answers_and_is_gone_after_its_block(
    cluster: Path, ends: Callable[[int], bool]
) -> None:
    with Postgres(cluster, free_port()) as postgres:
        url = postgres.create_database("registry")
        with psycopg.connect(url) as link:
            row = link.execute("SELECT current_database()").fetchone()
        assert row == ("registry",)
    assert ends(postgres.pid)
    assert not port_taken(postgres.port)


def test_postgres_ends_even_while_a_client_is_connected(cluster: Path) -> None:
    with Postgres(cluster, free_port()) as postgres:
        link = psycopg.connect(postgres.url)
    with pytest.raises(psycopg.OperationalError):
        link.execute("SELECT 1")
    link.close()
    said = (cluster / "postgres.log").read_text()
    assert said.rstrip().endswith("database system is shut down")


def test_postgres_keeps_its_rows_for_the_next_start(cluster: Path) -> None:
    with (
        Postgres(cluster, free_port()) as postgres,
        psycopg.connect(postgres.url) as link,
    ):
        link.execute("CREATE TABLE patient AS SELECT 686 AS number")
    with (
        Postgres(cluster, free_port()) as postgres,
        psycopg.connect(postgres.url) as link,
    ):
        assert link.execute("SELECT number FROM patient").fetchone() == (686,)


def test_postgres_wants_its_password(cluster: Path) -> None:
    with Postgres(cluster, free_port()) as postgres:
        wrong = postgres.url.replace(postgres.password, "wrong")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(wrong)


def test_redis_answers_and_is_gone_after_its_block(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    with (
        Redis(tmp_path, free_port()) as redis,
        RedisClient.from_url(redis.url) as client,
    ):
        client.set("patients", 686)
        assert client.get("patients") == b"686"
    assert ends(redis.pid)
    assert not port_taken(redis.port)


@pytest.mark.parametrize("service", [Postgres, Redis])
def test_a_taken_port_is_said_in_one_sentence(
    service: type[Postgres] | type[Redis], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RigError) as caught:
            service(tmp_path / "service", port).start()
    assert str(caught.value) == f"Port {port} is taken by another program."
    assert not (tmp_path / "service").exists()


def test_a_command_runs_beside_both_services_and_they_end_with_it(
    tmp_path: Path,
) -> None:
    seen, folder = tmp_path / "seen", tmp_path / "var"
    command = [sys.executable, "-c", USE_BOTH, str(seen)]
    assert run_with_services(command, folder) == 7
    ports = [urlsplit(url).port for url in seen.read_text().split()]
    assert len(ports) == 2
    assert not any(port_taken(port) for port in ports if port is not None)
    assert list(folder.iterdir()) == []


@pytest.mark.docker
def test_a_command_ended_by_a_signal_is_told_as_a_shell_tells_it() -> None:
    assert main(["engine", "--", "sh", "-c", "kill -KILL $$"]) == 137


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_signal_ends_the_command_and_both_services(
    number: signal.Signals,
    status: int,
    tmp_path: Path,
    ends: Callable[[int], bool],
) -> None:
    script = "echo $$ $DATABASE_URL $REDIS_URL; exec sleep infinity"
    use = "import sys; from pathlib import Path; from tools.rig import __main__ as rig"
    run = "with rig.sigterm_unwinds(): rig.run_with_services(sys.argv[2:], Path(place))"
    program = f"{use}\nplace = sys.argv[1]\n{run}"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), "sh", "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as rig:
        assert rig.stdout is not None
        pid, *urls = rig.stdout.readline().split()
        assert len(urls) == 2
        servers = [pid_of_server(rig.pid, name) for name in ("postgres", "redis")]
        rig.send_signal(number)
        assert rig.wait(20) == status
    assert all(ends(started) for started in [int(pid), *servers])


@pytest.mark.docker
def test_a_command_that_does_not_exist_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["engine", "--", "no-such-command"]) == 1
    said = capsys.readouterr().err
    assert said == "no-such-command is not installed; run `make setup`.\n"


@pytest.mark.parametrize("arguments", [[], ["services"], ["services", "--"], ["x"]])
def test_a_wrong_use_is_answered_with_the_right_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: python -m tools.rig ")
