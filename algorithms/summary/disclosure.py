"""What may leave the site: no count from 1 to minimum - 1, shown or by subtraction."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import Refused

DEFAULT_MINIMUM = "10"


@dataclass(frozen=True)
class SiteRules:
    """The site's own settings; a researcher cannot change them."""

    minimum: int
    extremes: bool


def read_site_rules(environment: Mapping[str, str]) -> SiteRules:
    """Read PTM_MIN_COUNT and PTM_SHARE_EXTREMES; a setting that is unclear refuses."""
    minimum = environment.get("PTM_MIN_COUNT", DEFAULT_MINIMUM)
    if not (minimum.isascii() and minimum.isdigit() and len(minimum) < 10):
        raise Refused("The site's minimum count (PTM_MIN_COUNT) is not a number.")
    return SiteRules(
        minimum=int(minimum),
        extremes=environment.get("PTM_SHARE_EXTREMES") == "1",
    )


def too_small(count: int, minimum: int) -> bool:
    """Tell whether a count of rows could point at persons; 0 points at nobody."""
    return 0 < count < minimum


def shown_levels(groups: list[Counter[str]], minimum: int) -> set[str]:
    """Choose the levels of one column whose counts may be shown in every group.

    What is hidden in the table as a whole is hidden in every grouping of it, and what
    is too small in one group is hidden in all of them: otherwise the same column asked
    without groups, less the groups that are shown, would give it away.
    """
    totals = sum(groups, Counter[str]())
    largest_first = sorted(totals, key=lambda level: (-totals[level], level))
    shown = _without_small(largest_first, [totals], minimum)
    return set(_without_small(shown, groups, minimum))


def _without_small(
    levels: list[str], groups: list[Counter[str]], minimum: int
) -> list[str]:
    """Drop small levels, then the smallest others until those dropped are not small."""
    shown = [
        level
        for level in levels
        if not any(too_small(group[level], minimum) for group in groups)
    ]
    while shown and any(
        too_small(group.total() - sum(group[level] for level in shown), minimum)
        for group in groups
    ):
        shown.pop()
    return shown
