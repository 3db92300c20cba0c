"""Queries that Django writes once and that are asked with other values again and again.

Django writes the SQL of a query anew each time; for one that says who may see what
this takes several times as long as the database needs to answer it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet

# Stand in the SQL for the values, while it is written: no id is as high, no text so.
STAND_INS = 2**62
SHAPES = 512
Value = int | str


@dataclass(frozen=True)
class Slot:
    name: str


@dataclass(frozen=True)
class Written:
    model: type[Model]
    sql: str
    params: list[Any]
    names: list[str]
    # A name, and how the database's values become Python's.
    converters: list[tuple[str, list[Callable[..., Any]], Any]]


class Prepared:
    """A query by its builder: `rows(shape…, name=value…)` are its rows as dicts.

    The values are whole numbers or texts that the builder puts into conditions as they
    are; it may look at the shape only, and at nothing that changes by itself. It
    returns a queryset, whose objects are `objects(…)`, or a `values()` of one. With
    `shared`, the rows that it selects for update are locked against change, not against
    each other.
    """

    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], *, shared: bool = False
    ) -> None:
        self._build = build
        self._shared = shared
        self._written = lru_cache(SHAPES)(self._write)

    def rows(self, *shape: Any, **values: Value) -> list[dict[str, Any]]:
        query = self._written(shape, _kinds(values))
        if not query.sql:
            return []  # nothing could ever be found
        given = [values[p.name] if isinstance(p, Slot) else p for p in query.params]
        with connection.cursor() as cursor:
            cursor.execute(query.sql, given)
            rows = cursor.fetchall()
        found = [dict(zip(query.names, row, strict=True)) for row in rows]
        for name, convert, column in query.converters:
            for row in found:
                for each in convert:
                    row[name] = each(row[name], column, connection)
        return found

    def objects(self, *shape: Any, **values: Value) -> list[Any]:
        rows = self.rows(*shape, **values)
        model = self._written(shape, _kinds(values)).model
        return [
            model.from_db(DEFAULT_DB_ALIAS, list(row), list(row.values()))
            for row in rows
        ]

    def _write(
        self, shape: tuple[Any, ...], values: tuple[tuple[str, type], ...]
    ) -> Written:
        stand_ins = {n: kind(STAND_INS + i) for i, (n, kind) in enumerate(values)}
        slots = {value: Slot(name) for name, value in stand_ins.items()}
        built, again = (self._build(*shape, **stand_ins) for _ in range(2))
        query, model = built.query, built.model
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:
            return Written(model, "", [], [], [])
        if again.query.get_compiler(DEFAULT_DB_ALIAS).as_sql() != (sql, params):
            raise TypeError("What changes by itself would stay what it is now.")
        if self._shared:  # Django has no word for it
            sql = sql.replace("FOR UPDATE", "FOR SHARE")
        columns = [field.attname for field in model._meta.concrete_fields]
        names = list(query.selected or columns)
        converters = compiler.get_converters([each[0] for each in compiler.select])
        return Written(
            model,
            sql,
            [slots.get(p, p) if isinstance(p, Value) else p for p in params],
            names,
            [(names[n], *pair) for n, pair in converters.items()],
        )


def _kinds(values: dict[str, Value]) -> tuple[tuple[str, type], ...]:
    return tuple((name, type(value)) for name, value in values.items())
