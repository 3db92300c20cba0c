"""`ptm-node init` on a terminal: asks, checks, and only then writes."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from ptm_node import config
from ptm_node.enrol import initialise
from ptm_node.errors import NotTrusted, Trouble

from tests.node.command import failed
from tests.node.fake_server import FakeServer


def typed(path: Path, *lines: str) -> tuple[int, str]:
    """Exit status, and what a terminal shows to somebody who types these lines."""
    near, far = pty.openpty()
    command = [sys.executable, "-m", "ptm_node", "init", "--config", str(path)]
    os.write(near, "".join(f"{line}\n" for line in lines).encode())
    try:
        done = subprocess.run(command, stdin=far, capture_output=True, timeout=60)
    finally:
        os.close(near)
        os.close(far)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_it_asks_for_what_is_missing(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    code, said = typed(path, server.url, "Klinik Süd", "ptme_good")
    assert code == 0, said
    assert config.load(path).node.name == "Klinik Süd"
    assert path.stat().st_mode & 0o777 == 0o600
    for question in ("address of the server", "call this node", "enrolment code"):
        assert question in said


def test_a_wrong_answer_is_asked_again_and_costs_no_other(
    server: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "node.toml"
    addresses = ["http://elsewhere.example.org", "http://127.0.0.1:9", server.url]
    code, said = typed(path, *addresses, "north", "ptme_bad", "ptme_good")
    assert code == 0, said
    assert "only https is safe" in said
    assert "no answer" in said
    assert "enrolment_refused" in said
    assert config.load(path).node.name == "north"
    assert len(server.enrolments) == 1


def test_three_wrong_codes_end_it_and_leave_nothing(
    server: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "site" / "node.toml"
    code, said = typed(path, server.url, "north", "ptme_1", "ptme_2", "ptme_3")
    assert code == 3, said
    assert list(path.parent.iterdir()) == []


def test_a_certificate_that_is_not_trusted_leads_to_the_sites_own(
    secured: FakeServer,
    tmp_path: Path,
    certificate: Path,
) -> None:
    path = tmp_path / "node.toml"
    bundle = f"{certificate}.crt"
    code, said = typed(path, secured.url, bundle, "north", "ptme_good")
    assert code == 0, said
    assert "issued by 'ptm.test'" in said
    assert config.load(path).server.ca_bundle == bundle


def test_nothing_is_written_before_the_way_is_checked(
    secured: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "site" / "node.toml"
    with pytest.raises(NotTrusted):
        initialise(path, secured.url, "ptme_good", "x", None)
    with pytest.raises(Trouble):
        initialise(path, "http://127.0.0.1:9", "ptme_good", "x", None)
    assert not path.parent.exists()
    assert secured.requests == []


def test_a_program_is_told_what_is_missing(tmp_path: Path) -> None:
    said = failed(2, "init", "--config", str(tmp_path / "node.toml"))
    assert "--server is missing" in said
