"""A few drills, and a check that the judge would notice if a promise were broken."""

from collections.abc import Iterator

import pytest

from tools.drills.large import SMALL
from tools.drills.recipe import drill
from tools.drills.recipes import ALL
from tools.drills.recipes.large import LARGE
from tools.drills.stage import SITES, Stage, standing_stage
from tools.drills.verdict import Judge, Promise
from tools.rig.engine import docker_engine

# To stand up a whole platform takes most of it.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
# What each of them found is in CHANGELOG.md, or had been lost by others.
SHORT = (
    "node killed after the upload, before it took note",
    "server killed within a result, between commit and wake-up",
    "the first answer to every request lost",
    "the hello of a new start overtakes the answer to a claim",
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("drills")
    with docker_engine() as engine, standing_stage(folder, engine, SITES[:1]) as stage:
        stage.large = SMALL
        yield stage


@pytest.fixture(scope="module")
def judge(stage: Stage) -> Judge:
    return Judge(stage)


@pytest.mark.parametrize("name", SHORT)
def test_a_drill_breaks_no_promise(name: str, stage: Stage, judge: Judge) -> None:
    [recipe] = [each for each in ALL if each.name == name]
    verdict = drill(stage, recipe, judge)
    assert verdict.broken == []
    assert verdict.starts == verdict.results == verdict.runs == 1


def test_a_large_result_is_whole_and_in_nobodys_memory(
    stage: Stage, judge: Judge
) -> None:
    [recipe] = LARGE
    verdict = drill(stage, recipe, judge)
    assert verdict.broken == []
    assert verdict.notes[0].startswith(f"line broken {SMALL.breaks} times")
    assert verdict.results == verdict.runs == 2


def test_the_judge_notices_other_bytes_and_what_was_left(
    stage: Stage, judge: Judge
) -> None:
    stage.begin()
    stage.send(stage.sites[0])
    assert judge.judge(Promise()).broken == []
    [run] = stage.runs()
    [file] = (stage.server.folder / "results" / str(run)).iterdir()
    file.write_bytes(file.read_bytes() + b"more")
    left = stage.server.folder / "uploads" / "left"
    left.touch()
    assert judge.judge(Promise()).broken == [
        f"run {run}: no container of its attempt made the bytes of its result",
        f"run {run}: its result has other bytes than its row says",
        "server: uploads/left",
    ]
    left.unlink()


def test_the_judge_notices_another_end_and_another_start(
    stage: Stage, judge: Judge
) -> None:
    stage.begin()
    stage.send(stage.sites[0])
    promise = Promise(attempts=0, starts_of_one=0, ends=frozenset({"failed"}))
    broken = judge.judge(promise).broken
    [run] = stage.runs()
    assert broken == [
        f"run {run}: it ended as completed",
        f"run {run}: attempt 1 was started 1 times",
        f"run {run}: 1 attempts were started",
    ]


def test_the_servers_audit_is_whole_after_all_this(stage: Stage, judge: Judge) -> None:
    assert judge.broken_audit() == []
