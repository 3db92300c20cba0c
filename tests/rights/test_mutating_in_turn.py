"""Which mutations a run tries, and in which order: the easy ones first, each once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rights.test_mutating import Functions, load, mutations
from tools.mutate_rights.__main__ import caught, not_among
from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.pool import ROUND, SECONDS, Pool
from tools.mutate_rights.told import Reach, Told

BOB, EVE = 7, 8


@pytest.fixture
def check(tmp_path: Path) -> Mutation:
    load(tmp_path)
    return mutations(tmp_path)['name == "bob"']


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., set[str]]:
    def read(*lines: str) -> set[str]:
        place = tmp_path / "run.log"
        place.write_text("\n".join(lines))
        return caught(place)

    return read


def test_what_was_caught_need_not_be_tried_where_lines_have_moved(
    check: Mutation, log: Callable[..., set[str]]
) -> None:
    moved, other = replace(check, line=99), replace(check, function="leave")
    done = log(f"  0:02 1/3 caught    {check}", "       by a test", f"2/3 {other}")
    assert not_among(done, [check, other]) == [other]
    assert not_among(done, [moved, other]) == [other]


@pytest.mark.parametrize(("times", "left"), [(0, 2), (1, 1), (2, 0), (3, 0)])
def test_a_name_of_several_is_caught_as_often_as_it_was_caught(
    check: Mutation, log: Callable[..., set[str]], times: int, left: int
) -> None:
    done = log(
        *(f" 1:00 {n}/9 caught {replace(check, line=n)}" for n in range(times)),
        f" 2:00 9/9 SURVIVED  {replace(check, line=9)}",
    )
    now = [replace(check, line=line) for line in (101, 102)]
    assert not_among(done, now) == now[2 - left :]


def test_of_two_by_one_name_the_one_in_the_same_place_was_caught(
    check: Mutation, log: Callable[..., set[str]]
) -> None:
    first, second = check, replace(check, line=99)
    assert not_among(log(f"0:00 1/1 caught {second}"), [first, second]) == [first]


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., list[Told]]:
    """Try two mutations by tests of so many seconds; return what is told, in order."""
    product = load(tmp_path)

    def stays_out(name: str) -> None:
        with pytest.raises(product.Forbidden):
            product.enter(name)

    standing: Any = Functions(
        bob=lambda: stays_out("bob"),
        eve=lambda: stays_out("eve"),
        **{f"ada{n}": lambda: product.enter("ada") for n in range(40)},
    )

    def run(*tests: tuple[str, float]) -> list[Told]:
        said: list[Reach | Told] = []
        known = mutations(tmp_path)
        numbered = {BOB: known['name == "bob"'], EVE: known['name == "eve"']}
        pool = Pool(tmp_path, numbered, said.append, 1)
        pool.begin(standing)
        for test, seconds in tests:
            reached = frozenset({BOB, EVE})
            pool.heed(Reach(test, True, seconds, reached, frozenset()))
        pool.try_all()
        return [each for each in said if isinstance(each, Told)]

    return run


def test_what_is_not_caught_at_once_waits_until_all_were_tried(
    order: Callable[..., list[Told]],
) -> None:
    told = order(("ada1", 1), ("eve", ROUND - 2), ("ada2", ROUND), ("bob", ROUND + 1))
    assert [(each.number, each.by) for each in told] == [(EVE, "eve"), (BOB, "bob")]


def test_it_survives_when_it_had_so_many_seconds_in_all(
    order: Callable[..., list[Told]],
) -> None:
    """It is told which tests it passed in all its rounds."""
    many = [(f"ada{n}", SECONDS / 30) for n in range(40)]
    told = order(*many, ("bob", SECONDS))
    assert [each.word for each in told] == ["alive", "alive"]
    assert [len(each.passed) for each in told] == [30, 30]
