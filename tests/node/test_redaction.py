"""What a researcher is told is the node's own words, whatever was said to the node."""

import ast
import logging
import sqlite3
from pathlib import Path

import ptm_node
import pytest
from docker.errors import APIError
from ptm_node.endings import failure_of
from ptm_node.errors import ConfigError, Refused, RunFailure
from ptm_node.log_lines import JsonLines, PlainLines
from ptm_node.runtimes.docker import _engine_errors
from ptm_node.runtimes.docker_pull import failure

SECRET = "Erika Mustermann, 1950-01-31, /data/patients.csv, hush"
PARTS = ("Erika", "1950", "/data", "hush")


def told(error: RunFailure) -> str:
    assert not [part for part in PARTS if part in error.detail], error.detail
    return str(error.code)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("unauthorized: {}", "registry_unreachable"),
        ("manifest unknown: {}", "image_not_found"),
        ("no space left on device: {}", "disk_full"),
        ("{}", "registry_unreachable"),
    ],
)
def test_the_words_of_a_registry(said: str, code: str) -> None:
    error = failure("registry.example.org/ptm/x", said.format(SECRET))
    assert told(error) == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{}", "internal"),
        ('exec: "{}": executable file not found in $PATH', "exit_nonzero"),
        ("bind source path does not exist: {}", "internal"),
        ('error mounting "{}" to rootfs: no such file or directory', "internal"),
        ("error mounting {}: permission denied", "internal"),
    ],
)
def test_the_words_of_the_engine(said: str, code: str) -> None:
    error = APIError("500", explanation=said.format(SECRET))
    with pytest.raises(RunFailure) as raised, _engine_errors("start"):
        raise error
    assert told(raised.value) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, SECRET, "/data/x"), "disk_full"),
        (PermissionError(13, SECRET, "/data/x"), "internal"),
        (sqlite3.OperationalError(SECRET), "disk_full"),
        (ConfigError(SECRET), "internal"),
        (Refused(400, "x", SECRET), "internal"),
        (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), "internal"),
        (ValueError(SECRET), "internal"),
    ],
)
def test_the_words_of_disk_files_and_mistakes(error: Exception, code: str) -> None:
    assert told(failure_of(error)) == code


# Each expression whose value goes into such a sentence: numbers of the site's own
# limits, names that the server itself sent, and what a steward or a rule says if the
# site shares reasons. A new one is to be thought about, and then added here.
INTERPOLATED = {
    ("limit", "runs"),
    ("limits.memory.in_words", "endings"),
    ("limits.output.in_words", "endings"),
    ("code", "endings"),
    ("limit.in_words", "spool"),
    ("registry", "docker_pull"),
    ("verb", "docker"),
    ("assignment.contract", "policy"),
    ("label", "policy"),
    ("named.label", "policy"),
    ("what", "policy"),
    ("policy.min_count", "disclosure"),
    ("told", "disclosure"),
    ("what", "desk"),
    ("reason", "desk"),
    ("label", "sources"),
}
MAKERS = {"RunFailure", "_refused", "_withheld", "_infrastructure"}


def interpolated(path: Path) -> set[str]:
    found = set()
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)]
        if not MAKERS & {c.func.id for c in calls if isinstance(c.func, ast.Name)}:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.FormattedValue):
                found.add(ast.unparse(node.value))
    return found


def test_nothing_else_is_written_into_a_failure() -> None:
    package = Path(ptm_node.__file__).parent
    found = {
        (expression, path.stem)
        for path in package.rglob("*.py")
        if path.stem != "fake" and path.parent.stem != "doctor"  # they tell the site
        for expression in interpolated(path)
    }
    assert found == INTERPOLATED


def test_a_strangers_words_make_no_line_of_the_log() -> None:
    said = "manifest unknown\n2026-01-01 INFO ptm_node: all is well\x1b[2J"
    record = logging.LogRecord("ptm_node.x", 30, "x", 1, "pull: %s", (said,), None)
    assert "\n" not in PlainLines("%(name)s: %(message)s").format(record)
    assert "\x1b" not in PlainLines("%(name)s: %(message)s").format(record)
    assert JsonLines().format(record).count("\n") == 0
