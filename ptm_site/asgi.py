"""The server's entry: HTTP through Django, held requests, sockets, and the worker."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ptm_site.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from apps.nodes.consumers import NodeConsumer  # noqa: E402
from ptm_site.held import HeldRequests  # noqa: E402
from ptm_site.lifespan import Lifespan  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": HeldRequests(django_application),
        "websocket": URLRouter([path("ws/node/", NodeConsumer.as_asgi())]),
        "lifespan": Lifespan(),
    }
)
