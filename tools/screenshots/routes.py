"""Every named page address that the URL configuration knows, without the API."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

API = "api/"


def named_routes() -> set[str]:
    """With their namespace: `task`, `admin:tasks_task_changelist`."""
    return {name for name, route in _walk(get_resolver()) if not route.startswith(API)}


def _walk(
    resolver: URLResolver, spaces: tuple[str, ...] = (), before: str = ""
) -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        route = f"{before}{entry.pattern}"
        if isinstance(entry, URLPattern):
            if entry.name:
                yield ":".join([*spaces, entry.name]), route
        else:
            space = (entry.namespace,) if entry.namespace else ()
            yield from _walk(entry, (*spaces, *space), route)
