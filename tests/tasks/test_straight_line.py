"""The main job through the API: send, claim, report, upload, download."""

import io
import zipfile

import pytest

from tests.worlds import World

pytestmark = pytest.mark.backends


def test_three_sites_run_a_task_and_the_researcher_downloads_the_results(
    world: World,
) -> None:
    task = world.send()
    assert task["runs_by_status"] == {"queued": 3}
    for node in world.nodes:
        (run,) = node.claim().json()["runs"]
        assert run["image"] == world.version.image
        for status in ("preparing", "running"):
            assert node.report(run["run"], run["attempt"], status).status_code == 200
        assert node.upload(run, b'{"n": 1}').status_code == 204
    alice = world.person("alice")
    done = alice.get(f"/api/v1/tasks/{task['id']}/").json()
    assert done["status"] == "finished"
    assert done["runs_by_status"] == {"completed": 3}
    results = alice.get(f"/api/v1/results/?task={task['id']}").json()["results"]
    assert len(results) == 3
    answer = alice.get(results[0]["download"], headers={"Range": "bytes=1-3"})
    assert (answer.status_code, answer.getvalue()) == (206, b'"n"')
    archive = alice.get(f"/api/v1/tasks/{task['id']}/results.zip").getvalue()
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert len(opened.namelist()) == 3
        assert opened.read(opened.namelist()[0]) == b'{"n": 1}'
