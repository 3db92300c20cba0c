"""The site's rules hold whatever the server says."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ptm_node import config, policy, sections
from ptm_node.errors import RunFailure
from ptm_node.messages import Key, Named, Task

from tests.node.examples import assignment
from tests.node.harness import IMAGE, write_config

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def site(tmp_path: Path) -> sections.Config:
    """Allows one folder of images, and releases one of two tables to one of two."""
    (tmp_path / "a.csv").touch()
    path = write_config(
        tmp_path,
        "https://ptm.example.org",
        node={"collaborations": [1, 2]},
        databases={
            "default": {
                "type": "csv",
                "uri": str(tmp_path / "a.csv"),
                "collaborations": [1],
            },
            "secret": {"type": "csv", "uri": str(tmp_path / "a.csv")},
            "gone": {
                "type": "csv",
                "uri": str(tmp_path / "gone.csv"),
                "collaborations": [1],
            },
            "folder": {"type": "folder", "uri": str(tmp_path), "collaborations": [1]},
        },
    )
    return config.load(path)


def refusal(
    site: sections.Config, image: str = IMAGE, **changes: Any
) -> tuple[str, str]:
    with pytest.raises(RunFailure) as failure:
        policy.check(site, assignment(Key(1, 1), image, **changes))
    return failure.value.status, failure.value.code


def test_what_is_allowed_gets_exactly_what_it_names(site: sections.Config) -> None:
    permit = policy.check(site, assignment(Key(1, 1), IMAGE, labels=("default",)))
    assert permit.image == IMAGE
    assert list(permit.databases) == ["default"]


def test_no_database_is_given_unasked(site: sections.Config) -> None:
    assert policy.check(site, assignment(Key(1, 1), IMAGE)).databases == {}


@pytest.mark.parametrize(
    "image",
    [
        "localhost:5050/ptm/summary:1.0",
        "localhost:5050/ptm/summary",
        f"localhost:5050/ptm/summary@{DIGEST[:-1]}",
        f"localhost:5050/ptm/summary@{DIGEST.upper()}",
        f"localhost:5050/ptm/summary@{DIGEST}\n",
        f"localhost:5050/ptm/../evil@{DIGEST}",
        f"localhost:5050/ptm/a b@{DIGEST}",
        f"localhost:5050/ptm/a@{DIGEST}@{DIGEST}",
        f"localhost:5050/evil/summary@{DIGEST}",
        f"evil.example/localhost:5050/ptm/summary@{DIGEST}",
        f"ptm/summary@{DIGEST}",
        "",
    ],
)
def test_an_image_must_be_on_the_list_and_named_by_digest(
    image: str, site: sections.Config
) -> None:
    assert refusal(site, image) == ("rejected", "policy_refused")


def test_a_tag_beside_the_digest_is_dropped(site: sections.Config) -> None:
    tagged = f"localhost:5050/ptm/summary:1.0@{DIGEST}"
    assert policy.check(site, assignment(Key(1, 1), tagged)).image == IMAGE


def test_by_default_no_image_is_allowed(site: sections.Config) -> None:
    closed = site._replace(policy=sections.Policy())
    assert refusal(closed) == ("rejected", "policy_refused")


@pytest.mark.parametrize("kind", ["central", "Partial", ""])
def test_only_partial_functions_run(kind: str, site: sections.Config) -> None:
    assert refusal(site, function_type=kind) == ("rejected", "policy_refused")


def test_an_unknown_contract_is_refused(site: sections.Config) -> None:
    assert refusal(site, contract="vantage6") == ("rejected", "policy_refused")


def task_of(collaboration: int) -> Task:
    return Task(4, "a task", Named(collaboration, "any"), Named(2, "elsewhere"))


def test_a_collaboration_that_the_site_does_not_serve_is_refused(
    site: sections.Config,
) -> None:
    assert refusal(site, task=task_of(3)) == ("rejected", "policy_refused")


@pytest.mark.parametrize("label", ["secret", "unknown", "Default", "../default", ""])
def test_what_is_not_released_is_unknown(label: str, site: sections.Config) -> None:
    assert refusal(site, labels=(label,)) == ("queued", "database_unknown")


def test_a_database_is_released_to_one_collaboration_and_not_to_another(
    site: sections.Config,
) -> None:
    found = refusal(site, labels=("default",), task=task_of(2))
    assert found == ("queued", "database_unknown")


def test_a_released_file_that_is_gone_fails_the_run(site: sections.Config) -> None:
    assert refusal(site, labels=("gone",)) == ("failed", "database_unknown")


def test_a_folder_is_a_folder(site: sections.Config, tmp_path: Path) -> None:
    permit = policy.check(site, assignment(Key(1, 1), IMAGE, labels=("folder",)))
    assert permit.databases["folder"] == site.databases["folder"]


def test_an_input_that_is_not_what_was_sent_is_not_used(site: sections.Config) -> None:
    assert refusal(site, input=b"other") == ("failed", "internal")


def test_no_path_of_the_site_is_told(site: sections.Config, tmp_path: Path) -> None:
    for labels in [("gone",), ("secret",), ("unknown",)]:
        with pytest.raises(RunFailure) as failure:
            policy.check(site, assignment(Key(1, 1), IMAGE, labels=labels))
        assert str(tmp_path) not in failure.value.detail


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (b'{"method": "summary", "kwargs": {}}', None),
        (b'{"kwargs": {}}', None),
        (b"no JSON at all", None),
        (b"[1]", None),
        (b'{"method": "rows", "kwargs": {}}', ("rejected", "policy_refused")),
        (b'{"method": ["summary"]}', ("rejected", "policy_refused")),
        (b'{"method": "summary", "method": "rows"}', ("rejected", "policy_refused")),
    ],
)
def test_the_input_calls_the_function_that_the_rules_were_asked_about(
    site: sections.Config, text: bytes, answer: tuple[str, str] | None
) -> None:
    told: dict[str, Any] = {
        "input": text,
        "input_sha256": hashlib.sha256(text).hexdigest(),
    }
    if answer is None:
        policy.check(site, assignment(Key(1, 1), IMAGE, **told))
    else:
        assert refusal(site, **told) == answer
