"""Organizations for the crowd, and a code for each of their nodes.

Run as `python -m tools.drills.crowd_sites COLLABORATION` with a server's settings in
the environment; prints what was made as JSON.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field

from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.server import Server

ORGANIZATIONS = 20
NODES_OF_EACH = 10


@dataclass
class Admitted:
    organizations: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list, repr=False)


def admit(server: Server, collaboration: int) -> Admitted:
    """Let the crowd into the collaboration."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.drills.crowd_sites", str(collaboration)],
        cwd=ROOT,
        env=server.env,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise RigError(f"The crowd could not be let in: {said[-1]}")
    return Admitted(**json.loads(done.stdout))


def make(collaboration_id: int) -> Admitted:
    """Runs inside a process that has Django."""
    from apps.accounts.models import User
    from apps.audit.actors import SYSTEM
    from apps.collaborations.choices import ParticipationStatus
    from apps.collaborations.consents import answer_invitation, invite_organization
    from apps.collaborations.models import Collaboration
    from apps.nodes.services import issue_enrolment_code
    from apps.organizations.choices import Role
    from apps.organizations.services import create_organization, grant_membership

    admitted = Admitted()
    admin = User.objects.create_user("crowd-admin")
    collaboration = Collaboration.objects.get(pk=collaboration_id)
    for number in range(ORGANIZATIONS):
        site = create_organization(name=f"Crowd {number}", actor=SYSTEM)
        grant_membership(user=admin, organization=site, role=Role.ADMIN, actor=SYSTEM)
        invitation = invite_organization(
            collaboration=collaboration, organization=site, actor=SYSTEM
        )
        answer_invitation(
            participation=invitation, answer=ParticipationStatus.ACCEPTED, actor=SYSTEM
        )
        admitted.organizations.append(site.pk)
        admitted.codes += [
            issue_enrolment_code(organization=site, issued_by=admin)
            for _ in range(NODES_OF_EACH)
        ]
    return admitted


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "ptm_site.settings"
    import django

    django.setup()
    json.dump(asdict(make(int(sys.argv[1]))), sys.stdout)


if __name__ == "__main__":
    main()
