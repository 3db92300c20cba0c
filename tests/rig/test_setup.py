"""Set-up ends in one sentence when it cannot go on, and leaves nothing half done."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import needs, setup
from tools.frontend import __main__ as frontend
from tools.needs import Need
from tools.rig.engine import DEFAULT_SOCKET
from tools.rig.folders import ROOT
from tools.setup import SetupError

GHOST = Need("ghost", lambda: False)
FakeProgram = Callable[[str, str], None]
SetUp = subprocess.CompletedProcess[str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return project_in(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SetUp]:
    """A project whose set-up was broken off, and how it ended when begun again."""
    project = project_in(tmp_path_factory.mktemp("installed"))
    half_made = [sys.executable, "-m", "venv", "--without-pip", str(project / ".venv")]
    subprocess.run(half_made, check=True)
    return project, run_setup(project)


def project_in(folder: Path) -> Path:
    """A project of set-up alone, which requires nothing."""
    made = folder / "project"
    (made / "tools").mkdir(parents=True)
    (made / "var" / "setup").mkdir(parents=True)
    for name in ("__init__.py", "needs.py", "setup.py"):
        shutil.copy(ROOT / "tools" / name, made / "tools")
    for name in setup.REQUIREMENTS:
        (made / name).touch()
    return made


@pytest.fixture
def fake_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    """Puts a shell script before the program of that name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def run_setup(project: Path) -> SetUp:
    command = [sys.executable, "-m", "tools.setup", "check"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def sentence_of(project: Path) -> str:
    """What installing the ghost says, without the log's place."""
    with pytest.raises(SetupError) as caught:
        setup.install_packages([GHOST], project)
    log = project / "var" / "setup" / "apt.log"
    return str(caught.value).replace(f" (see {log})", "")


def test_python_packages_are_installed_once_and_when_a_requirement_changes(
    installed: tuple[Path, SetUp],
) -> None:
    project, first = installed
    second = run_setup(project)
    assert first.returncode == second.returncode == 0
    assert first.stdout.startswith("Python packages … done in ")
    assert second.stdout == second.stderr == ""
    (project / "requirements.txt").write_text("# one more\n")
    assert run_setup(project).stdout.startswith("Python packages … done in ")


def test_a_failed_pip_install_leaves_no_stamp(installed: tuple[Path, SetUp]) -> None:
    project, _ = installed
    stamp = project / ".venv" / "requirements.sha256"
    assert stamp.exists()
    (project / "requirements-dev.txt").write_text("./no-such-package\n")
    failed = run_setup(project)
    assert failed.returncode == 1
    assert failed.stdout == "Python packages … failed\n"
    said = failed.stderr.splitlines()
    assert len(said) == 1
    assert said[0].startswith("The Python packages could not be installed: ")
    assert "no-such-package" in said[0]
    assert not stamp.exists()
    (project / "requirements-dev.txt").write_text("")
    assert run_setup(project).returncode == 0
    assert stamp.exists()


def test_a_half_made_environment_is_made_anew(installed: tuple[Path, SetUp]) -> None:
    project, first = installed
    assert first.returncode == 0
    pip = [str(project / ".venv" / "bin" / "python"), "-m", "pip", "--version"]
    assert subprocess.run(pip, capture_output=True).returncode == 0


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "var" / "setup" / "lock"
    with (
        setup.one_at_a_time(tmp_path),
        lock.open("w") as second,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock.open("w") as third:
        fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_nothing_is_installed_where_nothing_is_missing(
    project: Path, fake_program: FakeProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_program("apt-get", f"touch {project}/apt-was-called")
    setup.install_packages([Need("bash", lambda: True)], project)
    assert capsys.readouterr().out == ""
    assert not (project / "apt-was-called").exists()


def test_without_root_the_missing_packages_are_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError) as caught:
        setup.check_that_apt_may(["docker.io"])
    assert str(caught.value) == (
        "docker.io is not installed, and installing needs root: "
        "run `sudo apt-get install docker.io` or install Docker Engine yourself."
    )
    with pytest.raises(SetupError) as caught:
        setup.check_that_apt_may(["debootstrap", "redis-server"])
    assert str(caught.value) == (
        "debootstrap and redis-server are not installed, and installing needs root: "
        "run `sudo apt-get install debootstrap redis-server`."
    )


def test_without_apt_the_missing_packages_are_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setup, "has_program", lambda name: False)
    with pytest.raises(SetupError) as caught:
        setup.check_that_apt_may(["debootstrap"])
    assert str(caught.value) == (
        "debootstrap is not installed, and this set-up can install packages on "
        "Debian and Ubuntu only: please install the like of them yourself."
    )


@pytest.mark.usefixtures("root")
def test_an_unreachable_package_server_is_said(
    project: Path, fake_program: FakeProgram
) -> None:
    # apt's own way: the update only warns, and the installation knows no package.
    script = """case "$*" in
    *update*) echo "W: Temporary failure resolving 'debian.test'";;
    *) echo "E: Unable to locate package ghost"; exit 100;;
    esac"""
    fake_program("apt-get", script)
    said = sentence_of(project)
    assert said == "ghost could not be installed: the package server cannot be reached."


@pytest.mark.usefixtures("root")
def test_what_apt_complains_of_is_said(
    project: Path, fake_program: FakeProgram
) -> None:
    fake_program("apt-get", 'echo "E: Unable to locate package ghost"; exit 100')
    said = sentence_of(project)
    assert said == "ghost could not be installed: Unable to locate package ghost."


@pytest.mark.usefixtures("root")
def test_a_package_that_brings_nothing_is_said(
    project: Path, fake_program: FakeProgram
) -> None:
    fake_program("apt-get", "exit 0")
    assert sentence_of(project) == "ghost was installed and does not work."


@pytest.mark.usefixtures("root")
def test_an_installation_that_broke_off_is_taken_up_again(
    project: Path, fake_program: FakeProgram
) -> None:
    fake_program("dpkg-query", "echo ghost half-configured; echo bash installed")
    fake_program("apt-get", f'echo "$@" >> {project}/calls')
    needs = [Need("ghost", lambda: True), Need("bash", lambda: True)]
    setup.install_packages(needs, project)
    install = (project / "calls").read_text().splitlines()[-1]
    assert install.endswith("install --no-install-recommends ghost")


def write_python(project: Path, script: str) -> None:
    """Stands in for .venv's Python, which would build the front end."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def test_the_front_end_is_built_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = project / "built"
    script = f'case "$2" in --check) test -e {built};; *) echo 1 >> {built};; esac'
    write_python(project, script)
    setup.install_frontend(project)
    assert capsys.readouterr().out == "Front-end packages … done in 0 s\n"
    setup.install_frontend(project)
    assert capsys.readouterr().out == ""
    assert built.read_text() == "1\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: npm: getaddrinfo ENOTFOUND", "the package server cannot be reached"),
        ("ERROR: npm: 404 Not Found - tabler", "npm: 404 Not Found - tabler"),
    ],
)
def test_a_front_end_that_cannot_be_built_is_said_in_one_sentence(
    project: Path, said: str, reason: str
) -> None:
    write_python(project, f'echo "{said}" >&2; exit 1')
    with pytest.raises(SetupError) as caught:
        setup.install_frontend(project)
    log = project / "var" / "setup" / "npm.log"
    assert str(caught.value) == (
        f"The front-end packages could not be installed: {reason} (see {log})."
    )


def test_an_npm_that_reaches_nobody_is_told_from_one_that_finds_nothing() -> None:
    """The words are npm's own, for a host that is not there."""
    said = (
        "npm error code ENOTFOUND\n"
        "npm error syscall getaddrinfo\n"
        "npm error network request to https://packages.test/tabler failed"
    )
    reason = "network request to https://packages.test/tabler failed"
    assert frontend.reason_in(said) == reason
    assert setup.NETWORK_TROUBLE.search(said)
    missing = "npm error code E404\nnpm error 404 Not Found - tabler"
    assert frontend.reason_in(missing) == "404 Not Found - tabler"
    assert not setup.NETWORK_TROUBLE.search(missing)


@pytest.mark.parametrize("version", [(2, 7), (3, 10)])
def test_an_old_python_is_said_in_one_sentence(version: tuple[int, int]) -> None:
    with pytest.raises(SetupError) as caught:
        setup.check_python(version)
    assert str(caught.value) == (
        f"Python 3.11 or newer is needed, and this is Python {version[0]}.{version[1]}."
    )


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(
    project: Path,
) -> None:
    shutil.rmtree(project / "var")
    (project / "var").touch()
    ended = run_setup(project)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("Set-up stopped: ")
    assert str(project / "var") in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["all"], ["demo", "test"]])
def test_a_wrong_use_is_answered_with_the_right_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup.main(arguments) == 2
    assert capsys.readouterr().err == "usage: python3 -m tools.setup check|demo|test\n"


def test_every_profile_has_what_the_smaller_one_has() -> None:
    check, demo, test = (set(needs.PROFILES[name]) for name in needs.PROFILES)
    assert check < demo < test


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_an_engine_is_known_by_its_answer(tmp_path: Path) -> None:
    assert needs.engine_answers(DEFAULT_SOCKET)
    assert not needs.engine_answers(tmp_path / "docker.sock")
