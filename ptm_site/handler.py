"""Django's ASGI application for a project whose views are all synchronous.

Django's own handler crosses between event loop and threads some twenty times a
request (twice a middleware), and starts a thread and opens a database connection for
each. This one crosses once, into threads that stay and keep their connection.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ptm_site.room import THREADS, room


class OneHopHandler(ASGIHandler):
    chunk_size = 1024 * 1024  # a file's blocks would be cut up, and each piece copied

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """From body to answer a request takes room."""
        async with AsyncExitStack() as inside:
            whole = False

            async def receive_and_enter() -> Any:
                nonlocal whole
                message = await receive()
                if not whole and not message.get("more_body", False):
                    whole = True
                    await inside.enter_async_context(room())
                return message

            async def leave_and_send(message: Any) -> None:
                await inside.aclose()
                await send(message)

            await self.handle(scope, receive_and_enter, leave_and_send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        respond = sync_to_async(
            self._respond, thread_sensitive=False, executor=self.threads
        )
        return await respond(request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        close_old_connections()
        try:
            response = self.get_response(request)
        finally:
            close_old_connections()
        if not response.streaming:
            _part(request, response)
        return response


def _part(request: HttpRequest, response: HttpResponseBase) -> None:
    """Undo the circles in which a request, its view and its answer hold each other.

    Left to the garbage collector, hundreds of them would wait for it when many come
    at once: most of what a server weighed then.
    """
    request.close()
    context = getattr(response, "renderer_context", {})  # the REST framework's
    for each in (request, context.get("request"), context.get("view")):
        if each is not None:
            vars(each).clear()
    context.clear()


def get_application() -> OneHopHandler:
    django.setup(set_prefix=False)
    import_module(settings.ROOT_URLCONF)  # not when the first request waits for it
    return OneHopHandler()
