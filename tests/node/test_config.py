"""The configuration file: what it means, and one sentence for each mistake."""

import tomllib
from pathlib import Path

import pytest
from ptm_node import config, sections
from ptm_node.errors import ConfigError
from ptm_node.template import TEMPLATE, examples

from tests.node.fake_protocol import KEY

MINIMAL = '[server]\nurl = "https://ptm.example.org"\n[node]\nname = "x"\n'


def load(folder: Path, text: str) -> sections.Config:
    path = folder / "node.toml"
    path.write_text(text)
    return config.load(path)


def test_a_minimal_file_denies_everything(tmp_path: Path) -> None:
    found = load(tmp_path, MINIMAL)
    assert found.policy.images == []
    assert found.databases == {}
    assert found.collaborations == []
    assert not found.policy.share_log
    assert not found.policy.share_extremes


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = load(tmp_path, MINIMAL)
    assert found.node.key_file == str(tmp_path / "node.key")
    assert found.node.state == str(tmp_path / "state")


def test_collaborations_are_those_of_the_databases_and_of_the_node(
    tmp_path: Path,
) -> None:
    more = (
        "collaborations = [7]\n"
        '[databases.a]\ntype = "csv"\nuri = "/a.csv"\ncollaborations = [2, 1]\n'
        '[databases.b]\ntype = "csv"\nuri = "/b.csv"\n'
    )
    assert load(tmp_path, MINIMAL + more).collaborations == [1, 2, 7]


def test_sizes_and_times_are_read_with_their_units(tmp_path: Path) -> None:
    text = (
        '[limits]\nmemory = "1.5g"\noutput = "10k"\nlog = "5"\n'
        'time = "2m"\nstop_grace = "0.5s"\n'
    )
    limits = load(tmp_path, MINIMAL + text).limits
    assert (limits.memory, limits.output, limits.log) == (3 << 29, 10240, 5)
    assert (limits.time, limits.stop_grace) == (120.0, 0.5)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (999, "999 bytes"),
        (2048, "2.0 kB"),
        (100 << 20, "100.0 MB"),
        (2 << 30, "2.0 GB"),
    ],
)
def test_a_size_can_be_said_in_words(size: int, words: str) -> None:
    assert sections.Size(size).in_words == words


RULE = '[[policy.rules]]\naction = "run"\n'
MISTAKES = {
    "unknown key": ("[limits]\nmemroy = 1", "limits", "`memroy`", "memory"),
    "unknown section": ("[limit]", "limit", "no such section", "limits"),
    "wrong type": ("[limits]\nmemory = 3", "limits.memory", "3", 'memory = "2g"'),
    "wrong unit": ('[limits]\ntime = "1w"', "limits.time", "1w", 'time = "1h"'),
    "too small": (
        "[limits]\nconcurrent_runs = 0",
        "limits.concurrent_runs",
        ">= 1",
        "concurrent_runs = 2",
    ),
    "no list": (
        '[policy]\nimages = "x"',
        "policy.images",
        "array",
        'images = ["registry.example.org/ptm/*"]',
    ),
    "missing key": ("[databases.a]", "databases.a", "`type`", "uri"),
    "unknown type": (
        '[databases.a]\ntype = "omop"\nuri = "/a"',
        "databases.a.type",
        "'omop'",
        'type = "csv"',
    ),
    "a key of another type": (
        '[databases.a]\ntype = "csv"\nsheet = "x"\nuri = "/a"',
        "databases.a",
        "`sheet`",
        "Known keys are",
    ),
    "no place of a database": (
        '[databases.a]\ntype = "sql"\nquery = "SELECT 1"',
        "databases.a",
        "either uri or uri_file",
        "Known keys are",
    ),
    "an open password": (
        '[databases.a]\nuri = "postgresql://a:hunter2@h/d"\ntype = "sql"\n'
        'query = "SELECT 1"',
        "databases.a.uri",
        "belongs into a file, named by uri_file",
        'uri = "/data/patients.csv"',
    ),
    "relative path": (
        '[databases.a]\ntype = "csv"\nuri = "a.csv"',
        "databases.a.uri",
        "absolute",
        "/data/patients.csv",
    ),
    "bad label": (
        '[databases."a b"]\ntype = "csv"\nuri = "/a"',
        "databases.a b",
        "lower-case",
        "type, uri",
    ),
    "unknown key of a rule": (
        f"{RULE}\n{RULE}image = 1",
        "policy.rules[1]",
        "`image`",
        "Known keys are action, name, users, collaborations, databases, images",
    ),
    "wrong type in a rule": (
        f'{RULE}\n{RULE}users = "a"',
        "policy.rules[1].users",
        "array",
        'users = ["student"]',
    ),
    "no hours": (
        '[policy]\nquiet_hours = ["22-6"]',
        "policy.quiet_hours[0]",
        "'22-6'",
        'quiet_hours = ["22:00-06:30"]',
    ),
    "login": (
        '[registry]\n"r:5050" = { username = 3 }',
        "registry.r:5050.username",
        "`str`",
        'username = "node"',
    ),
}


# The others stand in the second line below MINIMAL.
LINES = {
    "unknown key": 5,  # told by its header
    "unknown section": 5,
    "missing key": 5,
    "relative path": 7,
    "bad label": 5,
    "a key of another type": 5,
    "no place of a database": 5,
    "unknown key of a rule": 8,
    "wrong type in a rule": 10,
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_its_remedy(
    name: str, tmp_path: Path
) -> None:
    text, place, problem, remedy = MISTAKES[name]
    with pytest.raises(ConfigError) as mistake:
        load(tmp_path, MINIMAL + text)
    sentence = str(mistake.value)
    file = tmp_path / "node.toml"
    assert sentence.startswith(f"{file}, line {LINES.get(name, 6)}: {place}: ")
    assert problem in sentence
    assert remedy in sentence
    assert "\n" not in sentence
    assert "hunter2" not in sentence
    assert mistake.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://ptm.example.org", True),
        ("https://", False),
        ("http://ptm.example.org", False),
        ("http://10.0.0.1", False),
        ("http://localhost:8000", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:80", True),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1@example.org", False),
        ("ftp://localhost", False),
        ("example.org", False),
    ],
)
def test_plain_http_stays_on_this_machine(url: str, safe: bool, tmp_path: Path) -> None:
    text = MINIMAL.replace("https://ptm.example.org", url)
    if safe:
        assert load(tmp_path, text).server.url == url
    else:
        with pytest.raises(ConfigError, match="only https is safe"):
            load(tmp_path, text)


def test_what_is_no_toml_or_no_file_is_one_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        load(tmp_path, "[server\n")
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path / "nowhere.toml")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    path.write_text(KEY + "\n")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600") as refusal:
        config.read_key(path)
    assert KEY not in str(refusal.value)
    path.chmod(0o600)
    assert config.read_key(path) == KEY
    assert config.key_prefix(KEY) == KEY[5:17]


def test_a_file_that_holds_no_key_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    path.write_text("hunter2")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="enrol again") as refusal:
        config.read_key(path)
    assert "hunter2" not in str(refusal.value)


def test_the_template_is_valid_and_shows_every_key_at_its_default(
    tmp_path: Path,
) -> None:
    plain = load(tmp_path, MINIMAL)
    shown = examples()
    assert set(shown) == set(sections.Config._fields)
    for section in ("server", "node", "policy", "limits"):
        known = getattr(plain, section)
        assert set(shown[section]) == set(known.__struct_fields__)
    read = load(tmp_path, TEMPLATE)
    assert read.limits == plain.limits
    assert read.policy == plain.policy
    full = "\n".join(line.removeprefix("#") for line in TEMPLATE.splitlines())
    assert tomllib.loads(TEMPLATE) != shown, "nothing is commented out"
    assert "memory" in full
    everything = load(tmp_path, _uncommented())
    assert everything.limits == plain.limits


def _uncommented() -> str:
    """The template with every setting switched on, but gVisor, which has no relays."""
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in TEMPLATE.splitlines()
        if not line.startswith("#oci_runtime")
    )
