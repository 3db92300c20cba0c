"""How a node sends a result: tus 1.0, docs/node-protocol.md."""

import base64
import binascii
import io
import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO, cast

from django.urls import reverse
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.errors import Refusal
from apps.nodes.node_api import NodeView
from apps.results.chunks import begin, end, settled_upload, take_first
from apps.results.models import Upload
from apps.results.receiving import receiving
from apps.results.uploads import Announced, create_upload, find_upload
from apps.tasks.node_api import whole_number
from ptm_site.long_bodies import BLOCK

MAX_CHUNK_BYTES = 32 * 1024 * 1024
VERSION = {"Tus-Resumable": "1.0.0"}
SHA256 = re.compile(r"[0-9a-f]{64}")
MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,48}/[a-z0-9.+-]{1,48}")


class StreamParser(BaseParser):
    """Hands the body on unread: it may be larger than memory should hold."""

    media_type = "application/offset+octet-stream"

    def parse(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        return stream


class TusVersion(Refusal):
    status = 412

    def __init__(self) -> None:
        super().__init__("tus_version", "Only tus 1.0.0 is spoken here.")
        self.headers = {"Tus-Version": VERSION["Tus-Resumable"]}


class TusView(NodeView):
    parser_classes = (StreamParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.headers.get("Tus-Resumable") != VERSION["Tus-Resumable"]:
            raise TusVersion


class ResultUploadView(TusView):
    def post(self, request: Request, run_id: int) -> Response:
        metadata = _metadata(request.headers.get("Upload-Metadata", ""))
        announced = Announced(
            attempt=whole_number(request.query_params.get("attempt", ""), "attempt"),
            length=whole_number(
                request.headers.get("Upload-Length", ""), "Upload-Length"
            ),
            sha256=metadata.get("sha256", ""),
            media_type=metadata.get("media_type", "application/octet-stream"),
        )
        if not SHA256.fullmatch(announced.sha256):
            raise Refusal("header_invalid", "Upload-Metadata needs a sha256.")
        if not MEDIA_TYPE.fullmatch(announced.media_type):
            raise Refusal("header_invalid", "media_type is not a media type.")
        _check_size(request)
        upload = create_upload(node=self.node, run_id=run_id, announced=announced)
        if request.content_type == StreamParser.media_type:
            upload = take_first(node=self.node, upload=upload, blocks=_blocks(request))
        location = reverse("node-upload", kwargs={"uuid": upload.uuid})
        return Response(status=201, headers={**_progress(upload), "Location": location})


class UploadView(TusView):
    def head(self, request: Request, uuid: str) -> Response:
        upload = settled_upload(node=self.node, uuid=uuid)
        headers = {**_progress(upload), "Upload-Length": str(upload.length)}
        return Response(status=200, headers={**headers, "Cache-Control": "no-store"})

    def patch(self, request: Request, uuid: str) -> Response:
        coming = receiving(request)
        if coming and coming.chunk:
            return self._done(end(node=self.node, chunk=coming.chunk))
        offset = _chunk_offset(request)
        chunk = begin(node=self.node, uuid=uuid, offset=offset)
        if chunk is None:
            return self._done(find_upload(node=self.node, uuid=uuid))
        if coming:
            coming.chunk = chunk
            return Response()
        with closing(chunk):
            chunk.take(_blocks(request))
            return self._done(end(node=self.node, chunk=chunk))

    def _done(self, upload: Upload) -> Response:
        return Response(status=204, headers=_progress(upload))


def _blocks(request: Request) -> Iterator[bytes]:
    # A request without a body has no stream either.
    body = cast(BinaryIO, request.data or io.BytesIO())
    return iter(partial(body.read, BLOCK), b"")


def _check_size(request: Request) -> None:
    length = request.headers.get("Content-Length") or "0"
    if whole_number(length, "Content-Length") > MAX_CHUNK_BYTES:
        raise Refusal("chunk_too_large", "A chunk is 32 MiB at most.", status=413)


def _chunk_offset(request: Request) -> int:
    _check_size(request)
    return whole_number(request.headers.get("Upload-Offset", ""), "Upload-Offset")


def _progress(upload: Upload) -> dict[str, str]:
    return {**VERSION, "Upload-Offset": str(upload.offset)}


def _metadata(header: str) -> dict[str, str]:
    """Parse `key base64,key base64`, ignoring what cannot be read."""
    found = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found
