"""People, sites and their agreement, made with the operator's own services.

Run as `python -m tools.rig.world` with a server's settings in the environment: reads
what is wanted as JSON and prints what was made, secrets included, as JSON.
"""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.migrated import FILE_NAME, copy_migrated
from tools.rig.server import Server

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.collaborations.models import Collaboration
    from apps.organizations.models import Organization

RESEARCHER = "researcher"
MANAGER = "manager"


@dataclass(frozen=True)
class Wanted:
    """`images` are (reference by tag, manifest file); the first site is the asker's."""

    collaboration: str
    sites: list[str]
    images: list[tuple[str, str]]


@dataclass
class World:
    """Ids by name; `codes` are the enrolment codes of the sites' nodes."""

    collaboration: int = 0
    organizations: dict[str, int] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    token: str = ""
    passwords: dict[str, str] = field(default_factory=dict, repr=False)


def make_world(server: Server, wanted: Wanted) -> World:
    """Fill the server's new database; the server need not run."""
    server.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if "DATABASE_URL" not in server.env:
        copy_migrated(server.folder / FILE_NAME)
    done = subprocess.run(
        [sys.executable, "-m", "tools.rig.world"],
        cwd=ROOT,
        env=server.env,
        input=json.dumps(asdict(wanted)),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise RigError(f"The server's database could not be filled: {said[-1]}")
    return World(**json.loads(done.stdout))


class _Maker:
    """Makes the world, inside a process that has Django."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.world = World()

    def make(self) -> World:
        collaboration = self._collaboration()
        self.world.collaboration = collaboration.pk
        for name in self.wanted.sites:
            self._site(name, collaboration)
        self._researcher(self.wanted.sites[0])
        self._images(collaboration)
        return self.world

    def _collaboration(self) -> "Collaboration":
        from apps.audit.actors import SYSTEM
        from apps.collaborations.choices import Visibility
        from apps.collaborations.services import create_collaboration

        manager = self._person(MANAGER, is_staff=True, is_superuser=True)
        return create_collaboration(
            name=self.wanted.collaboration,
            purpose="Describe the patients of all sites together.",
            visibility=Visibility.COLLABORATION,
            admins=[manager],
            actor=SYSTEM,
        )

    def _site(self, name: str, collaboration: "Collaboration") -> None:
        from apps.audit.actors import SYSTEM
        from apps.collaborations.choices import ParticipationStatus
        from apps.collaborations.consents import answer_as_admin, invite_organization
        from apps.nodes.services import issue_enrolment_code
        from apps.organizations.choices import Role
        from apps.organizations.services import create_organization

        site = create_organization(name=name, actor=SYSTEM)
        admin = self._member(site, f"{name.split()[-1].lower()}-admin", Role.ADMIN)
        invitation = invite_organization(
            collaboration=collaboration, organization=site, actor=SYSTEM
        )
        answer_as_admin(
            participation=invitation, answer=ParticipationStatus.ACCEPTED, admin=admin
        )
        self.world.organizations[name] = site.pk
        self.world.codes[name] = issue_enrolment_code(
            organization=site, issued_by=admin
        )

    def _researcher(self, site: str) -> None:
        from apps.accounts.choices import TokenScope
        from apps.accounts.services import create_token
        from apps.audit.actors import SYSTEM
        from apps.organizations.choices import Role
        from apps.organizations.models import Organization

        organization = Organization.objects.get(name=site)
        _, self.world.token = create_token(
            user=self._member(organization, RESEARCHER, Role.RESEARCHER),
            name="first",
            scope=TokenScope.TASKS,
            lifetime=timedelta(days=1),
            actor=SYSTEM,
        )

    def _images(self, collaboration: "Collaboration") -> None:
        from pathlib import Path

        from apps.algorithms.services import allow_version, register_version
        from apps.audit.actors import SYSTEM

        for image, manifest in self.wanted.images:
            version = register_version(
                image=image,
                manifest=json.loads(Path(manifest).read_text()),
                actor=SYSTEM,
            )
            allow_version(version=version, collaboration=collaboration, actor=SYSTEM)
            self.world.images.append(version.image)

    def _member(self, site: "Organization", name: str, role: Any) -> "User":
        from apps.audit.actors import SYSTEM
        from apps.organizations.services import grant_membership

        user = self._person(name, is_staff=role == "admin")
        grant_membership(user=user, organization=site, role=role, actor=SYSTEM)
        return user

    def _person(self, name: str, **fields: Any) -> "User":
        from django.contrib.auth.hashers import PBKDF2PasswordHasher

        from apps.accounts.models import User

        password = self.world.passwords[name] = secrets.token_urlsafe(9)
        # So random a word needs no stretching, a third of a second for each person;
        # the server makes up for it when that person signs in.
        salt = secrets.token_hex()
        encoded = PBKDF2PasswordHasher().encode(password, salt, iterations=1)
        return User.objects.create(username=name, password=encoded, **fields)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "ptm_site.settings"
    import django
    from django.core.management import call_command

    django.setup()
    from django.db import connection, transaction

    if connection.vendor != "sqlite":  # whose file begins as a migrated one
        call_command("migrate", verbosity=0)
    with transaction.atomic():
        world = _Maker(Wanted(**json.load(sys.stdin))).make()
    json.dump(asdict(world), sys.stdout)


if __name__ == "__main__":
    main()
