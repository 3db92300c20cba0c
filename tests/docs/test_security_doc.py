"""docs/security.md names a test for all it promises, and the test is there."""

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT

DOC = (ROOT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (\d+\.|API\d+) [^|]+\| [^|]+\| ([^|]+) \|$", re.M)


BOUNDARIES = DOC[DOC.index("## Trust boundaries") : DOC.index("## What is not")]
BOUNDARY_ROW = re.compile(r"^\| (?!what is enforced|---)[^|]+ \| ([^|]+) \|$", re.M)


def written() -> Iterator[tuple[str, str]]:
    """File and name of all tests."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield str(path.relative_to(ROOT)), node.name


def test_every_kind_of_hole_has_a_row_with_tests() -> None:
    kinds = [*(f"{n}." for n in range(1, 17)), *(f"API{n}" for n in range(1, 11))]
    rows = ROW.findall(DOC)
    assert [kind for kind, _ in rows] == kinds
    assert all(re.fullmatch(r"`test_\w+`(, `test_\w+`)*", tests) for _, tests in rows)


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOC))
    assert len(named) >= 26
    assert named - {name for _, name in written()} == set()


def test_every_promise_at_a_boundary_has_tests_that_exist() -> None:
    rows = BOUNDARY_ROW.findall(BOUNDARIES)
    assert len(rows) >= 24
    place = r"`tests/[\w/]+\.py::test_\w+`"
    assert [row for row in rows if not re.fullmatch(f"{place}(, {place})*", row)] == []
    named = {tuple(each.split("::")) for each in re.findall(r"`(tests/[^`]+)`", DOC)}
    assert named - set(written()) == set()


def test_the_page_says_what_is_not_protected() -> None:
    missing = DOC[DOC.index("## What is not protected") :]
    for what in ("hijacked server can lie about people", "One kernel", "exit status"):
        assert what in missing
