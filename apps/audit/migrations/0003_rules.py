from django.db import migrations

from apps.audit import rules


def install(apps, schema_editor):
    rules.install(schema_editor.connection)


def remove(apps, schema_editor):
    rules.remove(schema_editor.connection, rules.RULES[schema_editor.connection.vendor])


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain")]

    operations = [migrations.RunPython(install, remove)]
