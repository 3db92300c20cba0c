"""The images in real containers, with the sandbox that a node gives them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pandas as pd
import pytest
from docker.models.containers import Container
from ptm_node.runtimes.docker_streams import logs

from algorithms.summary.combine import combine
from tests.algorithms.helpers import cell
from tests.algorithms.sandbox import DATABASE, MEBIBYTE, UID, Outcome, run, start

pytestmark = pytest.mark.docker

Probe = Callable[..., Outcome]


@pytest.fixture(scope="session")
def summary_image(build_image: Callable[[str], str]) -> str:
    return build_image("algorithms/summary")


@pytest.fixture(scope="session")
def probe_image(build_image: Callable[[str], str]) -> str:
    return build_image("tests/images/probe")


@pytest.fixture
def probe(engine: docker.DockerClient, probe_image: str, tmp_path: Path) -> Probe:
    """Runs one function of the probe image."""

    def run_probe(method: str, /, *, limits: Any = None, **kwargs: Any) -> Outcome:
        call = {"method": method, "args": [], "kwargs": kwargs}
        return run(engine, probe_image, tmp_path, call, **(limits or {}))

    return run_probe


@pytest.fixture
def waiting(
    engine: docker.DockerClient, probe_image: str, tmp_path: Path
) -> Iterator[Callable[[str], Container]]:
    """Starts a function that waits; removes its container after the test."""
    started: list[Container] = []

    def start_probe(method: str) -> Container:
        container = start(engine, probe_image, tmp_path, {"method": method})
        started.append(container)
        with logs(engine.api, str(container.id)) as said:
            assert any(b"waiting" in piece for piece in said)
        return container

    yield start_probe
    for container in started:
        container.remove(force=True)


def ask(*columns: str, **more: Any) -> dict[str, Any]:
    return {"method": "summary", "args": [], "kwargs": {"columns": columns, **more}}


def test_three_sites_in_containers_give_the_numbers_of_the_pooled_table(
    engine: docker.DockerClient,
    summary_image: str,
    gbsg2: pd.DataFrame,
    thirds: list[Path],
    tmp_path: Path,
) -> None:
    columns = ["age", "tsize", "pnodes", "progrec", "estrec", "time"]
    results = [
        run(engine, summary_image, tmp_path, ask(*columns), database=site).json()
        for site in thirds
    ]
    combined = combine(results)
    assert combined["n"] == 686
    for name in columns:
        pooled = cell(combined, name)
        assert pooled["mean"] == pytest.approx(gbsg2[name].mean(), rel=1e-12)
        assert pooled["variance"] == pytest.approx(gbsg2[name].var(), rel=1e-12)


def test_a_refusal_exits_1_with_one_sentence_and_no_output(
    engine: docker.DockerClient, summary_image: str, thirds: list[Path], tmp_path: Path
) -> None:
    call = ask("age", group_by="time")
    outcome = run(engine, summary_image, tmp_path, call, database=thirds[0])
    assert (outcome.exit_code, outcome.output) == (1, b"")
    assert outcome.log == "group_by makes more than 100 groups.\n"


def test_the_sites_settings_reach_the_algorithm(
    engine: docker.DockerClient, summary_image: str, thirds: list[Path], tmp_path: Path
) -> None:
    def exit_code(environment: dict[str, str]) -> int:
        call = ask("age", extremes=True)
        site = {"database": thirds[0], "environment": environment}
        return run(engine, summary_image, tmp_path, call, **site).exit_code

    assert exit_code({}) == 1
    assert exit_code({"PTM_SHARE_EXTREMES": "1"}) == 0
    assert exit_code({"PTM_SHARE_EXTREMES": "1", "PTM_MIN_COUNT": "121"}) == 1


def test_any_user_may_run_the_image(
    engine: docker.DockerClient, summary_image: str, thirds: list[Path], tmp_path: Path
) -> None:
    """A node that is not root starts containers under its own user id."""
    more = {"database": thirds[0], "user": "1234:1234"}
    outcome = run(engine, summary_image, tmp_path, ask("age"), **more)
    assert outcome.json()["n"] == 120


def test_noop_returns_an_empty_object(
    engine: docker.DockerClient, build_image: Callable[[str], str], tmp_path: Path
) -> None:
    image = build_image("algorithms/noop")
    outcome = run(engine, image, tmp_path, {"method": "noop"})
    assert (outcome.exit_code, outcome.output, outcome.log) == (0, b"{}", "")


def test_echo_tells_what_the_container_was_given(
    engine: docker.DockerClient, probe_image: str, thirds: list[Path], tmp_path: Path
) -> None:
    call = {"method": "echo", "kwargs": {"a": 1}}
    site = {"database": thirds[0], "environment": {"PTM_MIN_COUNT": "7"}}
    seen = run(engine, probe_image, tmp_path, call, **site).json()
    assert json.loads(seen["input"]) == call
    assert (seen["uid"], seen["gid"]) == (UID, UID)
    assert seen["settings"]["PTM_MIN_COUNT"] == "7"
    assert "TOKEN_FILE" in seen["environment"]
    assert seen["interfaces"] == ["lo"]
    assert int(seen["process"]["CapEff"], 16) == 0
    assert seen["process"]["NoNewPrivs"] == "1"
    written = {place for place, writable in seen["writable"].items() if writable}
    assert written == {"/tmp", "/app/output.txt"}  # noqa: S108
    assert seen["folders"] == {"/data": ["default.csv"]}
    expected = hashlib.sha256(thirds[0].read_bytes()).hexdigest()
    assert seen["databases"][DATABASE]["sha256"] == expected
    assert "ro" in seen["mounts"][DATABASE]["options"].split(",")


def test_the_network_is_out_of_reach(probe: Probe) -> None:
    seen = probe("tries_network").json()
    assert seen["reached"] == []
    assert {"1.1.1.1:443", "169.254.169.254:80", "name debian.org"} <= set(
        seen["attempts"]
    )


def test_the_network_probe_notices_a_network(probe: Probe) -> None:
    """Without this the test above would pass for a probe that reaches nothing."""
    seen = probe("tries_network", limits={"network_mode": "bridge"}).json()
    assert seen["reached"] != []


def test_exits_one_prints_a_patient(probe: Probe) -> None:
    outcome = probe("exits_one")
    assert (outcome.exit_code, outcome.output) == (1, b"")
    assert "Erika Mustermann" in outcome.log


def test_silent_succeeds_without_output(probe: Probe) -> None:
    outcome = probe("silent")
    assert (outcome.exit_code, outcome.output) == (0, b"")


@pytest.mark.parametrize(("quiet", "exit_code"), [(False, 1), (True, 0)])
def test_endless_output_stops_at_the_limit(
    probe: Probe, quiet: bool, exit_code: int
) -> None:
    outcome = probe("floods_output", quiet=quiet)
    assert (outcome.exit_code, len(outcome.output)) == (exit_code, 64 * MEBIBYTE)


def test_floods_log_prints_more_than_ten_megabytes(probe: Probe) -> None:
    outcome = probe("floods_log")
    assert outcome.json() == {"megabytes": 12}
    assert len(outcome.log) > 10_000_000


def test_memory_is_limited(probe: Probe) -> None:
    assert probe("eats_memory").exit_code == 137


def test_a_child_may_be_killed_for_its_memory_and_the_run_succeed(probe: Probe) -> None:
    assert probe("loses_child").json() == {"child": -9}


def test_processes_are_limited(probe: Probe) -> None:
    seen = probe("forks").json()
    assert seen["processes"] < 64
    assert seen["refused"] == "EAGAIN"


def test_tmp_is_limited(probe: Probe) -> None:
    assert probe("fills_tmp").json() == {"bytes": 16 * MEBIBYTE, "refused": "ENOSPC"}


def test_a_nonce_differs_from_run_to_run(probe: Probe) -> None:
    first, second = probe("nonce", seconds=0.3), probe("nonce")
    assert first.json()["nonce"] != second.json()["nonce"]
    assert first.log.count("to go") >= 2


def test_runs_forever_stops_when_asked(waiting: Callable[[str], Container]) -> None:
    container = waiting("runs_forever")
    container.kill("SIGTERM")
    assert container.wait(timeout=10)["StatusCode"] == 143


def test_ignores_stop_must_be_killed(waiting: Callable[[str], Container]) -> None:
    container = waiting("ignores_stop")
    container.stop(timeout=1)
    assert container.wait(timeout=10)["StatusCode"] == 137
