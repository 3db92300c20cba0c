"""Every recipe, in the order in which they are drilled."""

from tools.drills.recipes.crowds import CROWDS
from tools.drills.recipes.engines import ENGINES
from tools.drills.recipes.kills import KILLS
from tools.drills.recipes.large import LARGE
from tools.drills.recipes.links import LINKS
from tools.drills.recipes.machines import MACHINES
from tools.drills.recipes.neighbours import NEIGHBOURS
from tools.drills.recipes.services import SERVICES

ALL = (
    *KILLS,
    *SERVICES,
    *LINKS,
    *LARGE,
    *MACHINES,
    *NEIGHBOURS,
    *ENGINES,
    *CROWDS,
)
