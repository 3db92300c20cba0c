"""The mutation run finds every kind of check, and leaves the rest alone."""

import ast
import re
from itertools import groupby
from pathlib import Path

import pytest

from tools.mutate_rights import names
from tools.mutate_rights.__main__ import ROOT, all_checks, explained
from tools.mutate_rights.checks import checks_in

# A check, and what is left when it is removed.
REMOVED = [
    ("x = T.objects.visible_to(user).order()", "x = T.objects.all().order()"),
    ("x = of(T.objects.visible_to)", "x = of((lambda reader: T.objects.all()))"),
    ("x = T.objects.filter(owner=user)", "x = T.objects.all()"),
    ("x = T.objects.get(pk=1, owner=user)", "x = T.objects.get(pk=1)"),
    ("x = reader.memberships.all()", "x = reader.memberships.model.objects.all()"),
    ("x = events_for(user)", "x = events_for(user).model._default_manager.all()"),
    ("if not may_cancel('a'):\n    stop()", "if not True:\n    stop()"),
    ("if no:\n    raise Forbidden('no')", "if False:\n    raise Forbidden('no')"),
    (
        "if x is None or x.node != node:\n    raise Missing",
        "if x is None or False:\n    raise Missing",
    ),
    ("_require_control(user, task)", "pass"),
    (
        "class V:\n    permission_classes = (A,)",
        "class V:\n    permission_classes = ()",
    ),
    ("scopes = {'POST': TokenScope.ADMIN}", "scopes = {'POST': TokenScope.READ}"),
    ("def open_to(x):\n    return bool(x)", "def open_to(x):\n    return True"),
    ("def open_to(x):\n    return x and y", "def open_to(x):\n    return x and True"),
    ("def targets(x):\n    return x & mine", "def targets(x):\n    return (x)"),
    (
        "def targets(x):\n    return x.filter(a=1)",
        "def targets(x):\n    return x.all()",
    ),
    (
        "def targets(x):\n    return x.filter(a=1, b=2)",
        "def targets(x):\n    return x.filter(b=2)",
    ),
    ("@require_safe\ndef page(): ...", "@(lambda view: view)\ndef page(): ..."),
    (
        "x = rows if reader.is_superuser else rows.none()",
        "x = rows if True else rows.none()",
    ),
    ("x = GRANTS[role] if y else NOTHING", "x = GRANTS[role]"),
    ("x = lifetime_within(token, days)", "x = days"),
    (
        "G = {Role.VIEWER: {1}, Role.ADMIN: {2}}",
        "G = {Role.VIEWER: {2}, Role.ADMIN: {2}}",
    ),
]
NO_CHECKS = (
    "x = Task.objects.filter(pk=1)",
    "x = Task.objects.filter(pk=user.pk)",
    "if missing is None:\n    raise Missing",
    "if wrong:\n    raise Conflict('state')",
    "x = shown.beside(parts)",
    "x = organization.memberships.all()",
    "x = form.fields.keys() & known",
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
    assert len(found) > 600
    for path, mutations in groupby(found, key=lambda mutation: mutation.path):
        source = (ROOT / path).read_bytes()
        plain = ast.dump(ast.parse(source))
        for mutation in mutations:
            assert ast.dump(ast.parse(mutation.applied(source))) != plain, mutation


def test_every_name_of_a_guard_is_still_one_of_the_product() -> None:
    folders = (ROOT / "apps", ROOT / "ptm_site")
    files = [file for folder in folders for file in folder.rglob("*.py")]
    product = "\n".join(file.read_text() for file in files)
    known = {
        name
        for listed, words in vars(names).items()
        if listed.isupper()
        for name in words
    }
    unknown = {name for name in known if not re.search(rf"\b{name}", product)}
    assert unknown == set()


def test_each_explained_mutation_is_still_one() -> None:
    assert explained() <= {mutation.name for mutation in all_checks(ROOT)}
