"""`ptm-node init`: one code, one identity, whatever gets lost."""

import hashlib
import stat
import tomllib
from pathlib import Path

import pytest
from ptm_node import config
from ptm_node.enrol import initialise
from ptm_node.errors import ConfigError, Terminal, Trouble
from ptm_node.messages import Enrolled

from tests.node.fake_server import FakeServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site" / "node.toml"


def enrol(server: FakeServer, path: Path, code: str = "ptme_good") -> Enrolled:
    return initialise(path, server.url, code, name='Klinik "Süd"', ca_bundle=None)


def test_the_server_learns_the_sum_of_the_key_and_never_the_key(
    server: FakeServer, path: Path
) -> None:
    enrolled = enrol(server, path)
    assert (enrolled.node, enrolled.organization.name) == (7, "Maastro")
    key = config.read_key(path.with_name("node.key"))
    (sent,) = server.enrolments
    assert sent["key_prefix"] == config.key_prefix(key)
    assert sent["key_sha256"] == hashlib.sha256(key.encode()).hexdigest()
    assert key not in str(sent)


def test_key_and_configuration_are_for_the_owner_alone(
    server: FakeServer, path: Path
) -> None:
    enrol(server, path)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_configuration_can_be_used_and_denies_everything(
    server: FakeServer, path: Path
) -> None:
    enrol(server, path)
    found = config.load(path)
    assert found.server.url == server.url
    assert found.node.name == 'Klinik "Süd"'
    assert found.policy.images == []
    assert found.databases == {}
    assert "# " in path.read_text()


def test_two_nodes_of_one_folder_do_not_share_key_or_state(
    server: FakeServer, path: Path
) -> None:
    enrol(server, path)
    other = path.with_name("other.toml")
    server.enrolments.clear()
    enrol(server, other)
    first, second = config.load(path).node, config.load(other).node
    assert first.key_file != second.key_file
    assert first.state != second.state


def test_an_enrolled_node_is_not_overwritten(server: FakeServer, path: Path) -> None:
    enrol(server, path)
    before = {each: each.read_bytes() for each in path.parent.iterdir()}
    with pytest.raises(ConfigError, match="enrolled already"):
        enrol(server, path)
    assert {each: each.read_bytes() for each in path.parent.iterdir()} == before
    assert len(server.enrolments) == 1


def test_a_lost_answer_costs_nothing(server: FakeServer, path: Path) -> None:
    server.fail("POST .*/enrol/", "lose")
    with pytest.raises(Trouble):
        enrol(server, path)
    assert not path.exists()
    assert enrol(server, path).node == 7
    first, second = server.enrolments
    assert first == second


def test_a_refused_code_leaves_nothing(server: FakeServer, path: Path) -> None:
    with pytest.raises(Terminal, match="enrolment_refused") as refusal:
        enrol(server, path, code="ptme_used")
    assert refusal.value.exit_code == 3
    assert list(path.parent.iterdir()) == []


def test_a_code_is_not_sent_in_plain_text(path: Path) -> None:
    with pytest.raises(ConfigError, match="https"):
        initialise(path, "http://ptm.example.org", "ptme_good", "x", None)


def test_certificates_are_kept_in_the_configuration(
    server: FakeServer, path: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    initialise(path, server.url, "ptme_good", "x", str(bundle))
    assert tomllib.loads(path.read_text())["server"]["ca_bundle"] == str(bundle)
