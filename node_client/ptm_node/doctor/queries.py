"""Each sql database: is it reached, and does it give the first row of the query.

By the same process that extracts, which may not write either.
"""

import tempfile
from pathlib import Path

from ptm_node.clock import Clock
from ptm_node.doctor.findings import Finding, failed, ok, warning
from ptm_node.errors import ConfigError
from ptm_node.extracts import Extractor
from ptm_node.life import Life
from ptm_node.sections import Sql
from ptm_node.terminal import printable

_SECONDS = 20.0
_SHOWN = 300

_REMEDIES = {
    "away": "see that the URL is right, that the database runs and can be reached from"
    " here, and that it lets the account in",
    "failed": "correct query, or let the account read what it names",
    "install": "install what reads it: `pip install 'ptm-node[sql]'`",
    "size": "raise max_size",
}


def check(check: str, database: Sql) -> Finding:
    seconds = min(_SECONDS, database.time)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "first-row"
        try:
            answer = Extractor(Life(Clock())).try_out(database, target, seconds)
        except ConfigError as error:
            remedy = "mend that file; it holds nothing but the URL"
            return failed(check, str(error).rstrip("."), remedy)
    if answer.problem == "time":
        what = f"its query gave no row in {seconds:g} seconds"
        remedy = f"see that it takes less than {database.time:g} seconds, or raise time"
        return warning(check, what, remedy)
    if answer.problem:
        said = answer.detail.partition("(Background on this error")[0]
        what = printable(" ".join(said.split()))[:_SHOWN].rstrip(".")
        return failed(check, what, _REMEDIES[answer.problem])
    if not answer.rows:
        what = "it answers, and its query gives no rows"
        return warning(check, what, "see whether that is meant")
    return ok(check, "its query gives rows, in a transaction that cannot write")
