"""docs/security.md names a test for each kind of hole, and the test is there."""

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT

DOC = (ROOT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (\d+\.|API\d+) [^|]+\| [^|]+\| ([^|]+) \|$", re.M)


def written() -> Iterator[str]:
    """The names of all tests."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name


def test_every_kind_of_hole_has_a_row_with_tests() -> None:
    kinds = [*(f"{n}." for n in range(1, 17)), *(f"API{n}" for n in range(1, 11))]
    rows = ROW.findall(DOC)
    assert [kind for kind, _ in rows] == kinds
    assert all(re.fullmatch(r"`test_\w+`(, `test_\w+`)*", tests) for _, tests in rows)


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOC))
    assert len(named) >= 26
    assert named - set(written()) == set()
