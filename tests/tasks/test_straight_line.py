"""The main job through the API: send, claim, report, upload, download."""

import base64
import hashlib
import io
import zipfile
from typing import Any

from tests.worlds import NodeClient, World


def upload(node: NodeClient, run: dict[str, Any], data: bytes) -> Any:
    sha256 = base64.b64encode(hashlib.sha256(data).hexdigest().encode()).decode()
    media_type = base64.b64encode(b"application/json").decode()
    headers = {**node.headers, "Tus-Resumable": "1.0.0"}
    created = node.client.post(
        f"/api/v1/node/runs/{run['run']}/result/?attempt={run['attempt']}",
        headers={
            **headers,
            "Upload-Length": str(len(data)),
            "Upload-Metadata": f"sha256 {sha256},media_type {media_type}",
        },
    )
    assert created.status_code == 201, created.json()
    return node.client.patch(
        created["Location"],
        data,
        content_type="application/offset+octet-stream",
        headers={**headers, "Upload-Offset": "0"},
    )


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
        assert upload(node, run, b'{"n": 1}').status_code == 204
    alice = world.client("alice")
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
