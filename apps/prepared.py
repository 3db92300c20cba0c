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
from django.db.models.query import RelatedPopulator, get_related_populators

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
    # A column, and how the database's values become Python's.
    converters: list[tuple[int, list[Callable[..., Any]], Any]]
    related: list[RelatedPopulator]

    def made(self, row: list[Any]) -> Model:
        """The object of a row, with those that `select_related` brings."""
        own = row[: len(self.names)]
        made = self.model.from_db(DEFAULT_DB_ALIAS, self.names, own)
        for other in self.related:
            other.populate(row, made)
        return made


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
        written = self._written(shape, _kinds(values))
        found = self._found(written, values)
        return [dict(zip(written.names, row, strict=True)) for row in found]

    def objects(self, *shape: Any, **values: Value) -> list[Any]:
        written = self._written(shape, _kinds(values))
        return [written.made(row) for row in self._found(written, values)]

    def _found(self, written: Written, values: dict[str, Value]) -> list[list[Any]]:
        if not written.sql:
            return []  # nothing could ever be found
        given = [values[p.name] if isinstance(p, Slot) else p for p in written.params]
        with connection.cursor() as cursor:
            cursor.execute(written.sql, given)
            rows = [list(row) for row in cursor.fetchall()]
        for number, convert, column in written.converters:
            for row in rows:
                for each in convert:
                    row[number] = each(row[number], column, connection)
        return rows

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
            return Written(model, "", [], [], [], [])
        if again.query.get_compiler(DEFAULT_DB_ALIAS).as_sql() != (sql, params):
            raise TypeError("What changes by itself would stay what it is now.")
        if self._shared:  # Django has no word for it
            sql = sql.replace("FOR UPDATE", "FOR SHARE")
        columns = [field.attname for field in model._meta.concrete_fields]
        converters = compiler.get_converters([each[0] for each in compiler.select])
        objects = compiler.klass_info or {}
        return Written(
            model,
            sql,
            [slots.get(p, p) if isinstance(p, Value) else p for p in params],
            list(query.selected or columns),
            [(number, *pair) for number, pair in converters.items()],
            # The types are those of a later Django.
            get_related_populators(  # type: ignore[call-arg]
                objects, compiler.select, DEFAULT_DB_ALIAS
            ),
        )


def _kinds(values: dict[str, Value]) -> tuple[tuple[str, type], ...]:
    return tuple((name, type(value)) for name, value in values.items())
