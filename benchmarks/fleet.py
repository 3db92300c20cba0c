"""Many sites with a node each: `python -m benchmarks.fleet COUNT SENDER`.

Fills the database of the settings in the environment. Prints as JSON the image that
SENDER, an organization that takes part everywhere, may send to all of them, and what
speaks for each node.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "ptm_site.settings"
    django.setup()

from django.db import transaction
from django.utils import timezone

from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.services import create_collaboration
from apps.nodes.keys import Key
from apps.nodes.models import Node
from apps.organizations.models import Organization
from benchmarks.crowd import store_version

SITES_EACH = 20  # of one collaboration


@transaction.atomic
def make_fleet(count: int, sender: Organization) -> dict[str, Any]:
    version = store_version(Collaboration.objects.earliest("pk"))
    nodes: list[dict[str, Any]] = []
    for start in range(0, count, SITES_EACH):
        collaboration = create_collaboration(name=f"Fleet {start}", actor=SYSTEM)
        allow_version(version=version, collaboration=collaboration, actor=SYSTEM)
        _take_in(collaboration, sender)
        numbers = range(start, min(start + SITES_EACH, count))
        nodes += _sites(collaboration, numbers)
    return {"image": version.image, "nodes": nodes}


def _take_in(collaboration: Collaboration, site: Organization) -> None:
    participation = invite_organization(
        collaboration=collaboration, organization=site, actor=SYSTEM
    )
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ACCEPTED, actor=SYSTEM
    )


def _sites(collaboration: Collaboration, numbers: range) -> Iterator[dict[str, Any]]:
    """Nobody at these sites signs in, so the rows that a node needs are enough."""
    sites = Organization.objects.bulk_create(
        Organization(name=f"Site {number}") for number in numbers
    )
    Participation.objects.bulk_create(
        Participation(
            collaboration=collaboration,
            organization=site,
            status=ParticipationStatus.ACCEPTED,
            answered_at=timezone.now(),
        )
        for site in sites
    )
    keys = [Key.generate("ptmn") for _ in sites]
    Node.objects.bulk_create(
        Node(
            organization=site,
            name=site.name,
            key_prefix=key.prefix,
            key_sha256=key.sha256,
        )
        for site, key in zip(sites, keys, strict=True)
    )
    for site, key in zip(sites, keys, strict=True):
        yield {"key": key.text, "site": site.pk, "collaboration": collaboration.pk}


if __name__ == "__main__":
    sending = Organization.objects.get(pk=int(sys.argv[2]))
    print(json.dumps(make_fleet(int(sys.argv[1]), sending)))
