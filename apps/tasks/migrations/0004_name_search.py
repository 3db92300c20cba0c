from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# As `name__icontains` asks. SQLite has nothing like it, and looks at each name.
INDEX = (
    "CREATE INDEX task_name_search ON tasks_task"
    " USING gin (UPPER(name::text) gin_trgm_ops)"
)


def add_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(INDEX)


def remove_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX task_name_search")


class Migration(migrations.Migration):

    dependencies = [
        ('tasks', '0003_study'),
    ]

    operations = [
        TrigramExtension(),
        migrations.RunPython(add_index, remove_index),
    ]
