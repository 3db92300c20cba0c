"""Every cell of the API and the node protocol: each door, reader and object."""

import pytest

from tests.rights.conftest import Stage
from tests.rights.trial import cases, faults_of
from tools.permissions.table import Row

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("row", "method"), cases("api", "node"))
def test_every_cell_is_as_the_table_says(stage: Stage, row: Row, method: str) -> None:
    if faults := faults_of(stage, row, method):
        pytest.fail("\n".join(faults), pytrace=False)
