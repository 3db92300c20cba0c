"""A machine that does not come back in time, and another of its site."""

from secrets import token_hex

from tools.drills.recipe import Recipe
from tools.drills.site import Site
from tools.drills.stage import Stage
from tools.drills.verdict import Promise
from tools.rig.platform import SiteData


def node_lost(stage: Stage) -> Promise:
    """Its runs are given to a new machine, and it comes back when they are done."""
    site = stage.sites[0]
    stage.send(site, seconds=3, times=2)
    stage.await_running()
    site.process.kill()  # its containers go on, and end unseen
    other = _another(stage, site)
    stage.server.manage("give_back_runs", site.name, site.name)
    stage.await_finished()
    stage.await_that(lambda: not other.left(), "The new machine kept something")
    site.process.start()
    stage.await_that(lambda: not site.left(), "The old machine kept something")
    other.process.stop()  # the recipes that follow have one machine for each site
    return Promise(attempts=2)


def _another(stage: Stage, site: Site) -> Site:
    """A machine more, which speaks over the same link."""
    admin = f"{site.name.split()[-1].lower()}-admin"
    name = f"{site.name} {token_hex(4)}"
    platform = stage.platform
    code = stage.server.manage("enrolment_code", site.name, "--as", admin)
    platform.world.codes[name] = code
    folder = platform.folder / "sites" / name.lower().replace(" ", "-")
    other = Site(
        SiteData(name, folder, folder / "data" / "patients.csv"),
        site.link,
        stage.engine,
    )
    other.enrol(platform)
    stage.witness.watch(other.prefix)
    stage.clones.append(other)
    return other


NEIGHBOURS = (Recipe("node lost, its runs given to another of its site", node_lost),)
