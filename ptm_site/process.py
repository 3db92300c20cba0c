"""The worker in which gunicorn runs the server."""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from ptm_site.connections import Connection, Socket


class Worker(UvicornWorker):
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "asyncio",
        "http": Connection,
        "ws": Socket,
        # Its buffers weigh more than all else of a socket, and messages are short.
        "ws_per_message_deflate": False,
        "lifespan": "on",
        "server_header": False,
        # Below gunicorn's graceful_timeout: after that it would be killed.
        "timeout_graceful_shutdown": 3,
    }
