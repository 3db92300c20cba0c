"""What `make bench` says of transfers is measured on bytes that really move."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from apps.results.models import Result
from benchmarks.transfer import curl, while_busy
from tests.live import go_live
from tests.worlds import World
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.nginx import Nginx
from tools.rig.process import free_port
from tools.rig.server import Server


def test_nginx_gives_what_it_was_given(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(os.urandom(3 << 20))
    with Nginx(tmp_path / "nginx", free_port()) as nginx:
        address = f"{nginx.url}/result"
        assert curl(address, "--upload-file", str(given)) > 0
        assert (nginx.files / "result").read_bytes() == given.read_bytes()
        assert curl(address) > 0
        with pytest.raises(RigError, match="404"):
            curl(f"{nginx.url}/absent")


@pytest.mark.django_db(transaction=True)
def test_the_sender_sends_as_many_bytes_as_it_was_told(
    world: World, first_server: Server, tmp_path: Path
) -> None:
    go_live(world, first_server)
    key = tmp_path / "node.key"
    key.touch(mode=0o600)
    key.write_text(world.nodes[0].key.text)
    world.send(organizations=[world.sites[0].pk])
    arguments = [first_server.url, str(tmp_path), str(world.collaboration.pk), "70000"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sender", *arguments],
        cwd=ROOT,
        input="\n",
        capture_output=True,
        text=True,
        check=True,
    )
    ready, seconds = done.stdout.split()
    assert ready == "ready"
    assert float(seconds) > 0
    result = Result.objects.get()
    kept = first_server.folder / "results" / str(result.file)
    assert kept.read_bytes() == (tmp_path / "result").read_bytes()
    assert result.size == 70_000


def test_others_ask_until_the_transfer_is_done_and_hear_of_its_end() -> None:
    enough = threading.Event()
    asked: list[float] = []

    def ask() -> list[float]:
        asked.append(1.0)
        if len(asked) == 3:
            enough.set()
        return [1.0]

    assert while_busy(enough.wait, ask) == asked
    assert len(asked) >= 3
    with pytest.raises(ZeroDivisionError):
        while_busy(lambda: 1 / 0, ask)
