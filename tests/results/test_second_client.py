"""An unmodified tus client, which knows nothing of nodes, can send a result."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from apps.results.models import Result
from apps.tasks.models import Run
from tests.daemon import NodeClient

pytestmark = pytest.mark.django_db(transaction=True)

DATA = bytes(range(256)) * 2000


def uploader(
    server: LiveServer, node: NodeClient, run: dict[str, Any], sha: str
) -> Any:
    path = f"/api/v1/node/runs/{run['run']}/result/?attempt=1"
    client = TusClient(server.url + path, headers=dict(node.headers))
    return client.uploader(
        file_stream=io.BytesIO(DATA),
        chunk_size=100_000,
        metadata={"sha256": sha, "media_type": "application/octet-stream"},
    )


def test_it_uploads_in_chunks(
    live_server: LiveServer, node: NodeClient, run: dict[str, Any]
) -> None:
    upload = uploader(live_server, node, run, hashlib.sha256(DATA).hexdigest())
    upload.upload()
    assert upload.offset == len(DATA)
    assert Run.objects.get().status == "completed"
    stored = Path(Result.objects.get().file.path)
    assert stored.read_bytes() == DATA


def test_it_resumes_what_another_one_began(
    live_server: LiveServer, node: NodeClient, run: dict[str, Any]
) -> None:
    sha = hashlib.sha256(DATA).hexdigest()
    uploader(live_server, node, run, sha).upload_chunk()
    second = uploader(live_server, node, run, sha)
    second.set_url(second.create_url())  # the same content: the same upload
    second.offset = second.get_offset()
    assert second.offset == 100_000
    second.upload()
    assert Path(Result.objects.get().file.path).read_bytes() == DATA


def test_it_learns_that_the_sum_is_wrong(
    live_server: LiveServer, node: NodeClient, run: dict[str, Any]
) -> None:
    upload = uploader(live_server, node, run, "0" * 64)
    with pytest.raises(TusCommunicationError) as refused:
        upload.upload()
    assert refused.value.status_code == 422
    assert not Result.objects.exists()
