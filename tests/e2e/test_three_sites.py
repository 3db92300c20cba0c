"""The main job: three sites compute, their results combine into the pooled number."""

import hashlib
import io
import json
import zipfile

import pandas as pd

from algorithms.summary.combine import combine
from tests.e2e.researcher import Researcher, moves, site_of
from tests.e2e.site_node import NORTH, SOUTH, SiteNode
from tools.demo.compare import compare
from tools.rig.process import wait_until

COLUMNS = ["age", "tsize", "pnodes"]
LOG_SECONDS = 10


def test_three_sites_give_the_numbers_of_their_own_rows_and_of_all(
    three_sites: dict[str, SiteNode], researcher: Researcher, pooled: pd.DataFrame
) -> None:
    task = researcher.send_summary(*three_sites, columns=COLUMNS)
    runs = {site_of(run): run for run in researcher.ended(task)}
    results = researcher.api.results(task)
    assert {*results} == {*runs} == {*three_sites}
    for name, node in three_sites.items():
        own = pd.read_csv(node.data.table)
        found = results[name]["columns"]["age"]["groups"]["all"]
        assert (results[name]["n"], found["n"]) == (len(own), len(own))
        assert abs(found["mean"] - own["age"].mean()) < 1e-9
        assert moves(runs[name]) == ["claimed", "preparing", "running", "completed"]
        assert runs[name]["attempt"] == node.starts(runs[name]) == 1
        node.assert_done()
    rows = compare(combine([*results.values()]), pooled)
    assert [row for row in rows if not row.agrees] == []
    assert {row.column for row in rows} == {*COLUMNS}
    assert rows[0].pooled == len(pooled) == 686


def test_a_log_is_seen_where_the_site_shares_it_and_nowhere_else(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    task = researcher.send("nonce", NORTH, SOUTH, seconds=0.3)
    runs = {site_of(run): run for run in researcher.ended(task)}
    kept = {name: three_sites[name].kept_log(runs[name]) for name in (NORTH, SOUTH)}
    assert all("s to go" in log for log in kept.values())
    # The log follows the result.
    shown = wait_until(lambda: researcher.log(runs[NORTH]) == kept[NORTH], LOG_SECONDS)
    assert shown
    assert researcher.run(runs[NORTH])["log_size"] == len(kept[NORTH])
    assert researcher.log(runs[SOUTH]) == ""
    assert researcher.run(runs[SOUTH])["log_size"] == 0


def test_results_come_whole_in_ranges_and_as_one_zip(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    task = researcher.send("nonce", *three_sites)
    runs = researcher.ended(task)
    contents = {}
    for run in runs:
        path = f"results/{run['result']}/"
        whole = researcher.api.get(f"{path}download/").content
        told = researcher.api.get(path).json()
        assert told["sha256"] == hashlib.sha256(whole).hexdigest()
        assert told["size"] == len(whole)
        pieces = b""
        for first, last in ((0, 9), (10, 29), (30, len(whole) + 100)):
            answer = researcher.api.session.get(
                f"{researcher.api.root}/{path}download/",
                headers={"Range": f"bytes={first}-{last}"},
                timeout=10,
            )
            assert answer.status_code == 206
            pieces += answer.content
        assert pieces == whole
        contents[f"organization-{run['organization']['id']}-run-{run['id']}.json"] = (
            whole
        )
    packed = researcher.api.get(f"tasks/{task['id']}/results.zip").content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents
    nonces = {json.loads(content)["nonce"] for content in contents.values()}
    assert len(nonces) == 3
