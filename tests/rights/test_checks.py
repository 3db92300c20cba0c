"""The mutation run finds every kind of check, and leaves the rest alone."""

import ast
from pathlib import Path

import pytest

from tools.mutate_rights.__main__ import ROOT, all_checks, explained
from tools.mutate_rights.checks import checks_in

# A check, and what is left when it is removed.
REMOVED = [
    ("x = T.objects.visible_to(user).order()", "x = T.objects.all().order()"),
    ("x = of(T.objects.visible_to)", "x = of((lambda reader: T.objects.all()))"),
    ("if not may_cancel('a'):\n    stop()", "if not True:\n    stop()"),
    ("if no:\n    raise Forbidden('no')", "if False:\n    raise Forbidden('no')"),
    ("_require_control(user, task)", "pass"),
    (
        "class V:\n    permission_classes = (A,)",
        "class V:\n    permission_classes = ()",
    ),
    ("def open_to(x):\n    return bool(x)", "def open_to(x):\n    return True"),
    (
        "def targets(x):\n    return x.filter(a=1)",
        "def targets(x):\n    return x.all()",
    ),
    ("@require_safe\ndef page(): ...", "@(lambda view: view)\ndef page(): ..."),
    ("x = rows if reader.is_superuser else rows.none()", "x = rows"),
    (
        "G = {Role.VIEWER: {1}, Role.ADMIN: {2}}",
        "G = {Role.VIEWER: {2}, Role.ADMIN: {2}}",
    ),
]
NO_CHECKS = (
    "x = Task.objects.filter(pk=1)",
    "if missing is None:\n    raise Missing",
    "if wrong:\n    raise Conflict('state')",
    "x = shown.beside(parts)",
)


def after_each(tmp_path: Path, source: str) -> set[str]:
    (tmp_path / "x.py").write_text(source)
    found = checks_in(tmp_path, "x.py")
    return {m.applied(source.encode()).decode() for m in found}


@pytest.mark.parametrize(("source", "left"), REMOVED)
def test_a_check_is_found_and_removed(tmp_path: Path, source: str, left: str) -> None:
    assert left in after_each(tmp_path, source)


@pytest.mark.parametrize("source", NO_CHECKS)
def test_what_is_no_check_stays(tmp_path: Path, source: str) -> None:
    assert after_each(tmp_path, source) == set()


def test_every_mutation_of_the_product_is_a_program_and_a_change() -> None:
    found = all_checks(ROOT)
    assert len(found) > 300
    for mutation in found:
        source = (ROOT / mutation.path).read_bytes()
        mutated = mutation.applied(source)
        assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source)), mutation


def test_each_explained_mutation_is_still_one() -> None:
    assert explained() <= {mutation.name for mutation in all_checks(ROOT)}
