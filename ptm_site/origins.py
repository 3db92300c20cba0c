"""Which pages may open the portal's socket: ours, and nobody else's."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import AllowedHostsOriginValidator, WebsocketDenier


class OnlyFromOurPages:
    """Refuses a foreign Origin, and one that is no address, in the same way.

    Only browsers send an Origin, and they always do. Channels compares it with
    ALLOWED_HOSTS, but meets what cannot be read as an address with an exception.
    """

    def __init__(self, application: Any) -> None:
        self._validated = AllowedHostsOriginValidator(application)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        readable = all(_is_address(origin.decode("latin1")) for origin in origins)
        chosen = self._validated if readable else WebsocketDenier()
        await chosen(scope, receive, send)


def _is_address(origin: str) -> bool:
    try:
        return bool(urlsplit(origin).hostname)
    except ValueError:
        return False
