"""Storing rows with an INSERT that is written once for each model and number of rows.

`save` and `bulk_create` write theirs anew each time, which takes Django several times
as long as the database needs to follow it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model

AT_ONCE = 100  # a database takes so many values in one statement, and no more


def insert(*rows: Model) -> None:
    """Store new rows of one model and give them their ids; sends no signals."""
    for begin in range(0, len(rows), AT_ONCE):
        _insert(rows[begin : begin + AT_ONCE])


def _insert(rows: Sequence[Model]) -> None:
    model = type(rows[0])
    connection = connections[DEFAULT_DB_ALIAS]
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for row in rows
        for field in _stored(model)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_sql(model, len(rows)), values)
        ids = cursor.fetchall()
    for row, (pk,) in zip(rows, ids, strict=True):
        row.pk = pk
        row._state.adding = False
        row._state.db = DEFAULT_DB_ALIAS


@cache
def _stored(model: type[Model]) -> Sequence["Field[Any, Any]"]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@cache
def _sql(model: type[Model], count: int) -> str:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = [quote(str(field.column)) for field in _stored(model)]
    row = f"({', '.join(['%s'] * len(columns))})"
    # All of it are names of ours.
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)})"  # noqa: S608
        f" VALUES {', '.join([row] * count)} RETURNING id"
    )
