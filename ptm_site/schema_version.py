"""Whether the database is of the version of this program: asked before it serves."""

from django.apps import apps
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader

OLDER = (
    "The database is of an older version than this program:"
    " keep a copy of it, and run `python manage.py migrate`."
)
NEWER = (
    "The database is of a newer version than this program:"
    " install that version, or put back the copy from before it."
)


def why_not_served() -> str:
    """What has to be done before the server may start; nothing, mostly."""
    try:
        loader = MigrationLoader(connection)
    except OperationalError:
        return ""  # it is away: requests are told so until it is back
    own = {app.label for app in apps.get_app_configs() if app.name.startswith("apps.")}
    applied = set(loader.applied_migrations)
    if any(name not in loader.disk_migrations for name in applied if name[0] in own):
        return NEWER
    return OLDER if set(loader.graph.nodes) - applied else ""
