"""SQLite in a process of many threads, whose writers wait for their turn.

SQLite lets a writer that meets another sleep, for up to 0.1 s, and try again: the file
lies idle meanwhile, and whoever comes just then is faster. With some hundred nodes that
came at once, some had waited for 20 s, and were refused.
"""

from threading import Lock

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

WAIT_SECONDS = 20
# Several processes still wait as SQLite lets them.
_turn = Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    """The stubs of Django leave out what it has for its own backends."""

    _has_turn = False

    def _start_transaction_under_autocommit(self) -> None:
        if not _turn.acquire(timeout=WAIT_SECONDS):
            raise OperationalError("database is locked")
        self._has_turn = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _set_autocommit(self, autocommit: bool) -> None:
        """Comes after each transaction, whether it was committed or rolled back."""
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        self._end_turn()

    def _close(self) -> None:
        super()._close()  # type: ignore[misc]
        self._end_turn()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _turn.release()
