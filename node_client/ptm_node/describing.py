"""A program of its own: says which columns one of the site's databases has.

Like ptm_node.extraction, and for the same reasons: a broken or huge file harms nobody,
and the daemon loads no library that reads it.
"""

import contextlib
import os
import resource
import sys
import threading
import unicodedata
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct

from ptm_node.column_readers import (
    NoColumns,
    csv_columns,
    excel_columns,
    parquet_columns,
    sql_columns,
)
from ptm_node.extraction import end_with_daemon, redacted
from ptm_node.messages import Column

# As much as the server takes of a database.
MOST_COLUMNS = 2000
MOST_LETTERS = 200
_MEMORY = 2 << 30


class Look(Struct, frozen=True):
    """What is to be looked at: a file, or with `url` a query of a database."""

    type: str
    path: str = ""
    sheet: str | None = None
    url: str = ""
    query: str = ""
    seconds: float = 0.0

    def __repr__(self) -> str:
        """Without the URL, which is a secret."""
        return f"Look({self.type!r}, {self.path!r})"


class Description(Struct, frozen=True):
    """`problem`, in words for the site, says why there are no columns."""

    columns: list[Column] | None = None
    problem: str = ""


def main() -> None:
    look = msgspec.json.decode(sys.stdin.buffer.readline(), type=Look)
    threading.Thread(target=end_with_daemon, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    with contextlib.ExitStack() as stack:
        sys.stdout.buffer.write(msgspec.json.encode(describe(look, stack)))
        sys.stdout.buffer.flush()
        # Without a goodbye: a driver would read the rest of the query's rows first.
        os._exit(0)


def describe(look: Look, stack: contextlib.ExitStack) -> Description:
    """What is opened is closed with the stack."""
    try:
        return Description(_checked(_columns(look, stack)))
    except NoColumns as why:
        return Description(problem=str(why))
    except ImportError as error:
        remedy = "run `pip install 'ptm-node[sql]'`"
        return Description(problem=f"{error.name} is not installed; {remedy}")
    except OSError as error:
        return Description(problem=error.strerror or "it cannot be opened")
    except MemoryError:
        return Description(problem="it takes too much memory to read")
    except Exception as error:
        said = f"{type(error).__name__}: {error}"[:1000]
        if look.url:
            said = redacted(said, look.url)
        return Description(problem=f"it could not be read ({said})")


def _columns(look: Look, stack: contextlib.ExitStack) -> list[Column]:
    path = Path(look.path)
    if look.type == "csv":
        return csv_columns(path)
    if look.type == "parquet":
        return parquet_columns(path)
    if look.type == "excel":
        return excel_columns(path, look.sheet)
    return sql_columns(look.url, look.query, look.seconds, stack)


def _checked(columns: list[Column]) -> list[Column]:
    """Those that have a name, if all names can be announced."""
    named = [column for column in columns if column.name]
    if not named:
        raise NoColumns("its columns have no names")
    if len(named) > MOST_COLUMNS:
        raise NoColumns(f"it has more than {MOST_COLUMNS:,} columns")
    if any(len(column.name) > MOST_LETTERS for column in named):
        raise NoColumns(f"a column's name has more than {MOST_LETTERS} characters")
    if any(_unseen(column.name) for column in named):
        raise NoColumns("a column's name has characters that cannot be seen")
    name, times = Counter(column.name for column in named).most_common(1)[0]
    if times > 1:
        raise NoColumns(f"two columns are called {name}")
    return named


def _unseen(name: str) -> bool:
    """Control and format characters, halves of pairs, and ends of lines."""
    kinds = map(unicodedata.category, name)
    return any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds)


if __name__ == "__main__":
    main()
