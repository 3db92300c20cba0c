"""The server's entry: HTTP through Django, held requests, sockets, and the worker."""

import os
from typing import Any, cast

from ptm_site.handler import get_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ptm_site.settings")
django_application = get_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import WebsocketDenier  # noqa: E402
from channels.sessions import SessionMiddlewareStack  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from apps.nodes.consumers import NodeConsumer  # noqa: E402
from apps.results.receiving import ReceivedChunks  # noqa: E402
from apps.tasks.consumers import LiveConsumer  # noqa: E402
from ptm_site.held import App, HeldRequests  # noqa: E402
from ptm_site.lifespan import Lifespan  # noqa: E402
from ptm_site.origins import OnlyFromOurPages  # noqa: E402

# Django types `path` for HTTP views only; Channels routes sockets with it too.
live = OnlyFromOurPages(SessionMiddlewareStack(LiveConsumer.as_asgi()))
sockets: list[Any] = [
    path("ws/node/", cast(Any, NodeConsumer.as_asgi())),
    path("ws/live/", cast(Any, live)),
]
nowhere: Any = re_path("", cast(Any, WebsocketDenier.as_asgi()))

application = ProtocolTypeRouter(
    {
        "http": ReceivedChunks(HeldRequests(cast(App, django_application))),
        "websocket": URLRouter([*sockets, nowhere]),
        "lifespan": Lifespan(),
    }
)
