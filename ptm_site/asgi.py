"""The server's entry: HTTP through Django, held requests, sockets, and the worker."""

import os
from typing import Any, cast

from ptm_site.handler import get_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ptm_site.settings")
django_application = get_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402
from channels.security.websocket import WebsocketDenier  # noqa: E402
from channels.sessions import SessionMiddlewareStack  # noqa: E402

from apps.nodes.sockets import node_socket  # noqa: E402
from apps.results.receiving import ReceivedChunks  # noqa: E402
from apps.tasks.consumers import LiveConsumer  # noqa: E402
from ptm_site.held import App, HeldRequests  # noqa: E402
from ptm_site.lifespan import Lifespan  # noqa: E402
from ptm_site.origins import OnlyFromOurPages  # noqa: E402

SOCKETS: dict[str, Any] = {
    "/ws/node/": node_socket,
    "/ws/live/": OnlyFromOurPages(SessionMiddlewareStack(LiveConsumer.as_asgi())),
}
nowhere = WebsocketDenier.as_asgi()


async def open_socket(scope: Any, receive: Any, send: Any) -> None:
    await SOCKETS.get(scope["path"], nowhere)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": ReceivedChunks(HeldRequests(cast(App, django_application))),
        "websocket": open_socket,
        "lifespan": Lifespan(),
    }
)
