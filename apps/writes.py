"""Storing and changing rows with statements that are written once.

`save`, `bulk_create` and `update` write theirs anew each time, which takes Django
several times as long as the database needs to follow them.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model

AT_ONCE = 100  # a database takes so many values in one statement, and no more


def insert(*rows: Model) -> None:
    """Store new rows of one model and give them their ids; sends no signals."""
    for begin in range(0, len(rows), AT_ONCE):
        _insert(rows[begin : begin + AT_ONCE])


def change(
    model: type[Model],
    where: Mapping[str, object],
    values: Mapping[str, object],
    *,
    count: Sequence[str] = (),
) -> int:
    """Set the fields of those rows whose fields are as in `where`; return how many.

    One is added to each of `count`. Like `update`, it sends no signals.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    known = {name: value for name, value in where.items() if value is not None}
    params = [
        _field(model, name).get_db_prep_save(value, connection)
        for name, value in (*values.items(), *known.items())
    ]
    empty = tuple(name for name in where if name not in known)
    sql = _change_sql(model, tuple(values), tuple(count), tuple(known), empty)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        changed: int = cursor.rowcount
    return changed


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
def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} has no column.")
    return field


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


@cache
def _change_sql(
    model: type[Model],
    values: tuple[str, ...],
    count: tuple[str, ...],
    known: tuple[str, ...],
    empty: tuple[str, ...],
) -> str:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name

    def column(name: str) -> str:
        return quote(str(_field(model, name).column))

    changes = [f"{column(name)} = %s" for name in values]
    changes += [f"{column(name)} = {column(name)} + 1" for name in count]
    conditions = [f"{column(name)} = %s" for name in known]
    conditions += [f"{column(name)} IS NULL" for name in empty]
    return (
        f"UPDATE {quote(model._meta.db_table)} SET {', '.join(changes)}"  # noqa: S608
        f" WHERE {' AND '.join(conditions)}"
    )
