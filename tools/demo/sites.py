"""Three sites, each with its own unequal part of a real table.

GBSG2: 686 patients of the German Breast Cancer Study Group (Schumacher et al., 1994),
from the package lifelines.
"""

from importlib.metadata import distribution
from pathlib import Path

import pandas as pd

from tools.rig.platform import SiteData

SHARES = {"North": 0.5, "East": 0.3, "South": 0.2}
SEED = 686
TABLE = "lifelines/datasets/gbsg2.csv"


def sites_in(folder: Path) -> list[SiteData]:
    return [
        SiteData(f"Site {name}", folder / name.lower(), _table(folder / name.lower()))
        for name in SHARES
    ]


def _table(folder: Path) -> Path:
    return folder / "data" / "gbsg2.csv"


def all_patients() -> pd.DataFrame:
    """The whole table, without the second and a half that lifelines takes to import."""
    return pd.read_csv(str(distribution("lifelines").locate_file(TABLE)))


def write_tables(sites: list[SiteData]) -> pd.DataFrame:
    """Deal the rows out to the sites and return them all, for the comparison."""
    pooled = all_patients()
    # Shuffled with a fixed seed, so that no site gets a piece of the table's order.
    shuffled = pooled.sample(frac=1, random_state=SEED)
    start = 0
    for site, share in zip(sites, SHARES.values(), strict=True):
        last = site is sites[-1]
        stop = len(shuffled) if last else start + round(len(shuffled) * share)
        site.table.parent.mkdir(parents=True, mode=0o700)
        shuffled.iloc[start:stop].to_csv(site.table, index=False)
        # The container's unprivileged user reads it; the folder keeps others out.
        site.table.chmod(0o644)
        start = stop
    return pooled


def alter_row(site: SiteData) -> None:
    """Make one patient a century older, which the comparison must notice."""
    table = pd.read_csv(site.table)
    table.loc[0, "age"] += 100
    table.to_csv(site.table, index=False)
