"""What stands in the test database: kept in copies of its tables, and put back.

A test of real transactions ends with that, where Django would empty every table and
the next test had to build its worlds anew.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import TransactionTestCase


def keep() -> None:
    """Copy every table as it is now, in place of an earlier copy."""
    _for_each_table(
        "DROP TABLE IF EXISTS {copy}", "CREATE TABLE {copy} AS SELECT * FROM {table}"
    )


def put_back() -> None:
    """Have the rows that were kept, and no others; no number is given out twice."""
    _for_each_table("DELETE FROM {table}", "INSERT INTO {table} SELECT * FROM {copy}")
    ContentType.objects.clear_cache()


def put_back_after_tests() -> None:
    """In place of Django's flush."""

    def end(case: Any) -> None:
        put_back()

    TransactionTestCase._fixture_teardown = end  # type: ignore[attr-defined]


def _for_each_table(*statements: str) -> None:
    """Each statement in turn, for the tables of all models."""
    names = connection.introspection.django_table_names(include_views=False)
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            for name in names:
                copy = quote(f"standing_{name}")
                cursor.execute(statement.format(table=quote(name), copy=copy))
