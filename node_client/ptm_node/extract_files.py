"""Rows of a query as a file: Parquet, CSV or SQLite, never all of them in memory."""

import csv
import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Batches = Iterable[list[tuple[Any, ...]]]
Writer = Callable[[list[str], Batches, Path, int], None]

TABLE = "data"  # of the SQLite file
_PAGE = 4096
_PLAIN = (bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta)


def write_parquet(names: list[str], batches: Batches, path: Path, most: int) -> None:
    """Types are those that hold the values of all rows, so the rows are read first."""
    import pyarrow as pa
    from pyarrow import parquet

    parts = path.with_name(f"{path.name}-parts")
    parts.mkdir(mode=0o700)
    try:
        schema = pa.schema([pa.field(name, pa.null()) for name in _once(names)])
        size = 0
        for number, rows in enumerate(batches):
            batch = record_batch(names, rows)
            size += batch.nbytes
            if size > most:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            schema = _wider(schema, batch.schema)
            with pa.ipc.new_file(parts / str(number), batch.schema) as part:
                part.write(batch)
        with parquet.ParquetWriter(path, _without_null(schema)) as writer:
            for part_file in sorted(parts.iterdir(), key=lambda each: int(each.name)):
                with pa.OSFile(str(part_file)) as file:
                    table = pa.ipc.open_file(file).read_all()
                writer.write_table(table.cast(writer.schema))
    finally:
        shutil.rmtree(parts)


def write_csv(names: list[str], batches: Batches, path: Path, most: int) -> None:
    """UTF-8 with a header; nothing at all stands for NULL."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_once(names))
        for rows in batches:
            writer.writerows([_as_text(value) for value in row] for row in rows)


def write_sqlite(names: list[str], batches: Batches, path: Path, most: int) -> None:
    """One table, `data`."""
    columns = ", ".join('"{}"'.format(n.replace('"', '""')) for n in _once(names))
    places = ", ".join("?" * len(names))
    link = sqlite3.connect(path, isolation_level=None)
    try:
        link.execute(f"PRAGMA page_size = {_PAGE}")
        link.execute("PRAGMA journal_mode = OFF")
        link.execute(f"CREATE TABLE {TABLE} ({columns})")
        link.execute(f"PRAGMA max_page_count = {max(most // _PAGE, 1)}")
        for rows in batches:
            link.execute("BEGIN")
            link.executemany(
                f"INSERT INTO {TABLE} VALUES ({places})",  # noqa: S608 (question marks)
                [[_as_stored(value) for value in row] for row in rows],
            )
            link.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if path.stat().st_size + 2 * _PAGE < most:
            raise  # the disk is full, not the file
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
    finally:
        link.close()


WRITERS: dict[str, Writer] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "sqlite": write_sqlite,
}


def _once(names: list[str]) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the query has two columns called {twice}")
    return names


def record_batch(names: list[str], rows: list[tuple[Any, ...]]) -> "pa.RecordBatch":
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = [_array(list(map(_plain, column))) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _array(values: list[Any]) -> "pa.Array":
    """Of the narrowest type that holds them all; of texts if there is none."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if v is None else str(v) for v in values])


def _wider(known: "pa.Schema", new: "pa.Schema") -> "pa.Schema":
    import pyarrow as pa

    def fields() -> Iterator[pa.Field]:
        for old, more in zip(known, new, strict=True):
            try:
                both = [pa.schema([old]), pa.schema([more])]
                yield pa.unify_schemas(both, promote_options="permissive").field(0)
            except pa.ArrowException:
                yield pa.field(old.name, pa.string())

    return pa.schema(list(fields()))


def _without_null(schema: "pa.Schema") -> "pa.Schema":
    """A column of nothing but NULL is one of texts: many readers know no other."""
    import pyarrow as pa

    return pa.schema(
        [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in schema]
    )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    return str(value)


def _as_text(value: Any) -> Any:
    plain = _plain(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return plain.hex() if isinstance(plain, bytes) else plain


def _as_stored(value: Any) -> Any:
    plain = _plain(value)
    fits = plain is None or isinstance(plain, float | str | bytes)
    if fits or (isinstance(plain, int) and -(1 << 63) <= plain < 1 << 63):
        return plain
    return str(plain)
