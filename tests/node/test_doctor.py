"""`ptm-node doctor`: each finding, made by what causes it."""

import os
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import docker
import msgspec
import pytest
from ptm_node import config
from ptm_node.doctor import databases, files, sandbox
from ptm_node.doctor import server as server_checks
from ptm_node.doctor.findings import Finding, Level
from ptm_node.runtimes.base import sandbox_user
from ptm_node.runtimes.fake import FakeEngine
from ptm_node.sections import ANY_DATABASE, Csv, Direct
from ptm_node.transport import Answer
from requests.structures import CaseInsensitiveDict

from tests.node.conftest import StartDaemon
from tests.node.fake_protocol import KEY
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, write_config
from tools.rig.registry import Registry


def examined(path: Path, **environment: str) -> tuple[int, dict[str, Finding], str]:
    """Exit status, findings by check, and everything that was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "ptm_node", "doctor", "--config", path, "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **environment},
    )
    found = msgspec.json.decode(done.stdout, type=list[Finding])
    return done.returncode, {each.check: each for each in found}, str(done)


def containers_of_doctors(client: docker.DockerClient) -> set[str | None]:
    # Not those of the nodes that other tests have at work.
    found = client.containers.list(
        all=True, filters={"label": "ptm.node"}, ignore_removed=True
    )
    return {c.id for c in found if c.labels["ptm.node"].startswith("doctor-")}


def asked(path: Path, key: str = KEY) -> dict[str, Finding]:
    return {each.check: each for each in server_checks.check(config.load(path), key)}


def of_database(kind: str, path: Path) -> Finding:
    said = {"type": kind, "uri": str(path), "collaborations": [1]}
    database = msgspec.convert(said, ANY_DATABASE)
    return databases._check("database", database)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text("age,sex\n61,f\n")
    path.chmod(0o644)
    return path


@pytest.mark.docker
def test_a_node_in_order_is_found_so_while_its_daemon_runs(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    tmp_path: Path,
    table: Path,
    registry: Registry,
    docker_client: docker.DockerClient,
    probe_image: str,
) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(registry.auth("node")["password"])
    login = {"username": "node", "password_file": str(password)}
    released = {"type": "csv", "uri": str(table), "collaborations": [1]}
    sections: dict[str, Any] = {
        "policy": {"images": [f"{registry.host}/ptm/*"]},
        "registry": {registry.host: login},
        "databases": {"default": released},
    }
    daemon = start(**sections)
    server.wait(lambda: server.sockets)
    path = tmp_path / "node.toml"
    path.chmod(0o600)
    before = containers_of_doctors(docker_client)

    code, found, said = examined(path)

    assert [f for f in found.values() if f.level is Level.FAILED] == [], said
    assert code == 0
    assert "7, 'test' of 'Maastro'" in found["identity"].what
    assert "the WebSocket gets through" in found["channel"].what
    assert "lets node in" in found[f"registry {registry.host}"].what
    assert found["database default"].level is Level.OK
    assert found["docker"].level is Level.OK
    uid, _ = sandbox_user()
    assert f"as user {uid}, without network" in found["sandbox"].what
    for secret in (KEY, password.read_text()):
        assert secret not in said
    # Another test's may have come; it goes as well.
    eventually(lambda: containers_of_doctors(docker_client) <= before)
    server.wait_status(server.add_run(IMAGE), "rejected", "completed")
    assert daemon.error is None, "the daemon was not superseded"


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    found = asked(write_config(tmp_path, "http://127.0.0.1:9"))
    assert found["server"].level is Level.FAILED
    assert "127.0.0.1:9" in found["server"].remedy


def test_a_key_that_is_not_accepted(server: FakeServer, tmp_path: Path) -> None:
    path = write_config(tmp_path, server.url)
    server.fail("GET .*/me/", "401", code="node_revoked")
    found = asked(path)
    assert found["server"].level is Level.OK
    assert found["identity"].level is Level.FAILED
    assert "enrol again" in found["identity"].remedy


def test_a_second_machine_with_the_same_key(server: FakeServer, tmp_path: Path) -> None:
    server.boot = 10**13
    found = asked(write_config(tmp_path, server.url))
    assert found["identity"].level is Level.FAILED
    assert "another machine or folder" in found["identity"].what


def test_a_proxy_that_lets_no_socket_through(
    server: FakeServer, tmp_path: Path
) -> None:
    server.socket_status = 403
    assert asked(write_config(tmp_path, server.url))["channel"].level is Level.WARNING
    path = write_config(tmp_path, server.url, server={"channel": "websocket"})
    assert asked(path)["channel"].level is Level.FAILED


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, "ok"), (3600, "warning"), (-3600, "warning")]
)
def test_the_clock_is_compared_with_the_servers(seconds: int, level: str) -> None:
    told = formatdate(time.time() + seconds, usegmt=True)
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict({"date": told})
    assert server_checks._clock(Answer(200, headers, b"")).level == level


def test_a_certificate_of_nobodys_authority_is_named(
    secured: FakeServer, tmp_path: Path
) -> None:
    found = asked(write_config(tmp_path, secured.url))
    assert found["certificate"].level is Level.FAILED
    assert "issued by 'ptm.test'" in found["certificate"].what
    assert "server.ca_bundle" in found["certificate"].remedy
    assert secured.requests == []


def test_a_certificate_for_another_name(
    secured: FakeServer,
    tmp_path: Path,
    certificate: Path,
) -> None:
    url = f"https://localhost:{secured.port}"
    bundle = {"url": url, "ca_bundle": f"{certificate}.crt"}
    found = asked(write_config(tmp_path, url, server=bundle))
    assert "Hostname mismatch" in found["certificate"].what
    assert "server.url" in found["certificate"].remedy


def test_the_sites_own_certificates_and_a_bundle_that_is_none(
    secured: FakeServer,
    tmp_path: Path,
    certificate: Path,
) -> None:
    bundle = {"ca_bundle": f"{certificate}.crt"}
    found = asked(write_config(tmp_path, secured.url, server=bundle))
    assert found["identity"].level is Level.OK
    bundle = {"ca_bundle": str(tmp_path / "node.key")}
    found = asked(write_config(tmp_path, secured.url, server=bundle))
    assert "no certificates" in found["certificate"].what


def test_the_proxys_password_is_not_shown(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hush@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    found = asked(write_config(tmp_path, server.url))
    assert "through 127.0.0.1:9" in found["proxy"].what
    assert found["server"].level is Level.FAILED
    assert "hush" not in str(found)


def test_files_that_others_may_open(tmp_path: Path) -> None:
    path = write_config(tmp_path, "http://localhost")
    (tmp_path / "state").mkdir()
    levels = []
    for mode in (0o600, 0o640, 0o620):
        path.chmod(mode)
        (tmp_path / "state").chmod(mode | 0o100)
        levels.append([each.level for each in files.check(path, config.load(path))])
    assert levels == [["ok", "ok"], ["warning", "failed"], ["failed", "failed"]]


CONTENTS = {
    "csv": (b"age,sex\n61,f\n", b"\xff\xfe\x00a", b"\n"),
    "parquet": (b"PAR1....PAR1", b"PAR1....", b"PAR"),
    "excel": (b"PK\x03\x04...", b"<html>", b""),
    "other": (b"anything", None, None),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_database_is_what_it_is_said_to_be(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    good, *bad = CONTENTS[kind]
    path.write_bytes(good or b"")
    assert of_database(kind, path).level is Level.OK
    for content in bad:
        if content is not None:
            path.write_bytes(content)
            assert of_database(kind, path).level is Level.FAILED


def test_a_database_that_is_not_there_or_of_another_kind(
    tmp_path: Path, table: Path
) -> None:
    assert "No such file" in of_database("csv", tmp_path / "absent").what
    assert of_database("csv", tmp_path).level is Level.FAILED
    tmp_path.chmod(0o755)
    assert of_database("folder", tmp_path).level is Level.OK
    assert "is no folder" in of_database("folder", table).what


def test_a_server_that_containers_may_speak_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        direct = Direct(host=host, port=port, collaborations=[1])
        assert databases._check("x", direct).level is Level.OK
    found = databases._check("x", direct)
    assert (found.level, f"port {port}" in found.what) == (Level.FAILED, True)


@pytest.mark.parametrize("share", [True, False])
def test_columns_that_cannot_be_read(share: bool, tmp_path: Path, table: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("age;sex\n61;f\n")
    entries = {
        label: {"type": "csv", "uri": str(path), "collaborations": [1]}
        for label, path in {"good": table, "bad": broken}.items()
    }
    policy = {"share_columns": share}
    path = write_config(tmp_path, "https://x", databases=entries, policy=policy)
    found = {each.check: each for each in databases.check(config.load(path))}
    if not share:
        assert set(found) == {"database good", "database bad"}
        return
    assert found["columns of good"].what == "2 are announced"
    assert found["columns of good"].level is Level.OK
    assert found["columns of bad"].level is Level.WARNING
    assert "not separated by commas" in found["columns of bad"].what


def test_a_database_that_nobody_may_use(table: Path) -> None:
    found = databases._check("x", Csv(uri=str(table)))
    assert found.level is Level.WARNING


def test_no_engine_and_no_right_to_ask_it(tmp_path: Path, server: FakeServer) -> None:
    path = write_config(tmp_path, server.url)
    path.chmod(0o600)
    absent = f"unix://{tmp_path}/none.sock"
    code, found, _ = examined(path, DOCKER_HOST=absent)
    assert code == 1
    assert "systemctl start docker" in found["docker"].remedy


@pytest.mark.docker
def test_a_registry_that_is_away_or_says_no(
    tmp_path: Path, server: FakeServer, registry: Registry
) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("wrong")
    login = {"username": "node", "password_file": str(password)}
    images = [f"{registry.host}/ptm/*", "127.0.0.1:9/ptm/*"]
    path = write_config(
        tmp_path,
        server.url,
        policy={"images": images},
        registry={registry.host: login},
    )
    path.chmod(0o600)
    code, found, _ = examined(path)
    assert code == 1
    assert "does not accept" in found[f"registry {registry.host}"].what
    assert "does not reach" in found["registry 127.0.0.1:9"].what


@pytest.mark.docker
def test_a_registry_without_a_sign_in_answers(
    tmp_path: Path, server: FakeServer, registry: Registry
) -> None:
    path = write_config(
        tmp_path, server.url, policy={"images": [f"{registry.host}/ptm/*"]}
    )
    _, found, said = examined(path)
    assert found[f"registry {registry.host}"].level is Level.OK, said


INSIDE = """Uid:\t{uid}\t{uid}\t{uid}\t{uid}
Gid:\t{gid}\t{gid}\t{gid}\t{gid}
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
NoNewPrivs:\t1
net Inter-|   Receive
net face |bytes
net lo:       0       0
tmp written
"""


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "can gain privileges"),
        ("CapBnd:\t0000", "CapBnd:\t00a8", "can get capabilities"),
        ("tmp written", "root written\ntmp written", "can write to its root"),
        ("net lo:", "net eth0: 0\nnet lo:", "has a network"),
        ("Uid:\t{uid}", "Uid:\t0", "runs as another user"),
    ],
)
def test_a_sandbox_with_a_hole_is_not_good_enough(
    good: str, bad: str, problem: str
) -> None:
    uid, gid = sandbox_user()
    assert sandbox._judge(INSIDE.format(uid=uid, gid=gid)).level is Level.OK
    found = sandbox._judge(INSIDE.replace(good, bad, 1).format(uid=uid, gid=gid))
    assert found.level is Level.FAILED
    assert problem in found.what


def test_another_kernel_may_tell_less_of_the_sandbox_but_nothing_wrong() -> None:
    uid, gid = sandbox_user()
    said = INSIDE.format(uid=uid, gid=gid)
    less = said.replace("NoNewPrivs:\t1\n", "")
    assert sandbox._judge(less).level is Level.FAILED
    assert sandbox._judge(less, tells_all=False).level is Level.OK
    wrong = said.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")
    assert sandbox._judge(wrong, tells_all=False).level is Level.FAILED


def test_an_image_without_a_shell_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uid, gid = sandbox_user()
    said = iter(["[FATAL] exec /bin/sh failed", INSIDE.format(uid=uid, gid=gid)])
    monkeypatch.setattr(sandbox, "_look_from_inside", lambda *_: next(said))
    client = Mock(images=lambda: [{"Id": "a", "Size": 1}, {"Id": "b", "Size": 2}])
    assert sandbox.check(client, None).level is Level.OK
