"""The mutation run itself: a mutation is caught by a test that fails, and only so."""

import gc
import importlib.util
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tools.mutate_rights.checks import checks_in
from tools.mutate_rights.children import Gone, in_children
from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.patching import NotPatched, loaded_functions, patch
from tools.mutate_rights.pool import Pool
from tools.mutate_rights.probing import probes, reached
from tools.mutate_rights.told import Reach, Told

PRODUCT = """
class Forbidden(Exception): ...


def once(function):
    def asked(*args):
        return function(*args)
    return asked


@once
def enter(name):
    if name == "bob":
        raise Forbidden
    def greet():
        if name == "eve":
            raise Forbidden
    greet()


class View:
    permission_classes = (1,)

    def has_permission(self):
        return super().__eq__(self)
"""


def load(folder: Path) -> ModuleType:
    place = folder / "product.py"
    place.write_text(PRODUCT)
    spec = importlib.util.spec_from_file_location("product", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mutations(folder: Path) -> dict[str, Mutation]:
    found = checks_in(folder, "product.py")
    return {mutation.before: mutation for mutation in found}


def put_in(folder: Path, mutation: Mutation) -> None:
    place = folder / "product.py"
    patch(mutation, place.read_bytes(), loaded_functions()[str(place)])


def test_what_is_kept_from_the_collector_is_found(tmp_path: Path) -> None:
    product = load(tmp_path)
    gc.collect()
    gc.freeze()  # as tests/sharing.py does when all is imported
    found = loaded_functions()[str(tmp_path / "product.py")]
    assert product.View.has_permission in found


@pytest.mark.parametrize("name", ["bob", "eve"])
def test_a_mutation_is_put_into_what_is_loaded(tmp_path: Path, name: str) -> None:
    """Into a function behind a decorator, and into one that is made within it."""
    product = load(tmp_path)
    with pytest.raises(product.Forbidden):
        product.enter(name)
    put_in(tmp_path, mutations(tmp_path)[f'name == "{name}"'])
    product.enter(name)


@pytest.mark.parametrize("before", ["(1,)", "super().__eq__(self)"])
def test_what_is_no_functions_code_is_refused(tmp_path: Path, before: str) -> None:
    product = load(tmp_path)
    with pytest.raises(NotPatched):
        put_in(tmp_path, mutations(tmp_path)[before])
    assert product.View.permission_classes == (1,)


def test_probes_tell_what_is_run_through_while_they_are_there(tmp_path: Path) -> None:
    product = load(tmp_path)
    known = mutations(tmp_path)
    numbered = {1: known['name == "bob"'], 2: known['name == "eve"']}
    reached.clear()
    with probes(tmp_path, numbered, loaded_functions()):
        with pytest.raises(product.Forbidden):
            product.enter("bob")
        assert reached == {"product.py", 1}
        product.enter("ada")
        assert reached == {"product.py", 1, 2}
    reached.clear()
    product.enter("ada")
    assert reached == set()


def test_each_child_begins_with_what_its_parent_has() -> None:
    known = [1]

    def work(number: int) -> list[int]:
        known.append(number)
        return known

    done = dict(in_children(work, deque([2, 3]), at_once=2, seconds=60))
    assert done == {2: [1, 2], 3: [1, 3]}
    assert known == [1]


def test_a_child_that_dies_or_takes_too_long_has_no_result() -> None:
    def work(name: str) -> None:
        if name == "dies":
            os._exit(1)
        time.sleep(60)

    jobs = deque(["dies", "lingers"])
    done = dict(in_children(work, jobs, at_once=2, seconds=1))
    assert done == {"dies": Gone.DEAD, "lingers": Gone.LATE}


class Report:
    duration = 0.0
    longrepr = "it failed"

    def __init__(self, when: str, failed: bool) -> None:
        self.when, self.failed = when, failed


class Functions:
    """Stands in for `Standing`: plain functions as tests."""

    def __init__(self, **tests: Callable[[], Any]) -> None:
        self.tests = tests

    def run(self, test: str) -> list[Report]:
        try:
            self.tests[test]()
        except (AssertionError, pytest.fail.Exception):
            return [Report("call", failed=True)]
        except LookupError:  # as a fixture that cannot be built
            return [Report("setup", failed=True)]
        return [Report("call", failed=False)]


@pytest.fixture
def tried(tmp_path: Path) -> Callable[..., Told]:
    product = load(tmp_path)

    def bob_stays_out() -> None:
        with pytest.raises(product.Forbidden):
            product.enter("bob")

    def breaks() -> None:
        try:
            product.enter("bob")
        except product.Forbidden:
            return
        raise LookupError

    def by_chance() -> None:
        mark = tmp_path / "failed"
        seen = mark.exists()
        mark.touch()
        assert seen

    known: dict[str, Callable[[], None]] = {
        "bob_stays_out": bob_stays_out,
        "breaks": breaks,
        "by_chance": by_chance,
        "ada_comes_in": lambda: product.enter("ada"),
    }

    def run(*tests: str) -> Told:
        standing: Any = Functions(**known)
        said: list[Reach | Told] = []
        mutation = mutations(tmp_path)['name == "bob"']
        pool = Pool(tmp_path, {7: mutation}, said.append, 1)
        pool.begin(standing)
        reached = frozenset({7})
        for seconds, test in enumerate(tests):
            pool.heed(Reach(test, True, seconds, reached, frozenset()))
        pool.try_all()
        told = said[-1]
        assert isinstance(told, Told)
        return told

    return run


def test_a_test_that_fails_twice_catches(tried: Callable[..., Told]) -> None:
    assert tried("bob_stays_out") == Told(7, "caught", "bob_stays_out", "it failed")


def test_a_set_up_that_fails_catches_nothing(tried: Callable[..., Told]) -> None:
    assert tried("breaks").word == "alive"


def test_who_need_not_be_asked_again_is_told(tried: Callable[..., Told]) -> None:
    told = tried("by_chance", "breaks", "ada_comes_in")
    assert told.word == "alive"
    assert set(told.passed) == {"ada_comes_in"}


def test_a_test_that_fails_by_chance_catches_nothing(
    tried: Callable[..., Told],
) -> None:
    assert tried("by_chance").word == "alive"


def test_the_tests_after_it_are_asked_still(tried: Callable[..., Told]) -> None:
    assert tried("by_chance", "breaks", "bob_stays_out").by == "bob_stays_out"


def test_what_no_test_reaches_is_not_told_of(tried: Callable[..., Told]) -> None:
    with pytest.raises(IndexError):
        tried()
