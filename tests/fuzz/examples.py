"""For every operation one request that a role which may has fulfilled.

Written by hand: an operation without an example fails the tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.accounts.models import AccessToken
from apps.audit.models import Event
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.models import Participation
from apps.organizations.models import Membership
from tests.fuzz.stage import NEW_IMAGE, Stage
from tests.worlds import MANIFEST

Of = Callable[[Stage], dict[str, Any]]


def nothing(stage: Stage) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Example:
    role: str
    path: Of = nothing
    body: Callable[[Stage], Any] | None = None
    media_type: str = "application/json"


def first(noun: str) -> Of:
    return lambda stage: {"id": stage.own[noun][0]}


def invitation(stage: Stage) -> dict[str, Any]:
    asked = Participation.objects.get(
        collaboration=stage.world.collaboration, status=ParticipationStatus.INVITED
    )
    return {"id": asked.pk}


def bob(stage: Stage) -> dict[str, Any]:
    return {"id": stage.world.people["bob"].pk}


def bobs_membership(stage: Stage) -> dict[str, Any]:
    return {"id": Membership.objects.get(user=stage.world.people["bob"]).pk}


def an_event(stage: Stage) -> dict[str, Any]:
    concerned = Event.objects.filter(organization_id=stage.world.sites[0].pk)
    return {"id": concerned.order_by("pk")[0].pk}


def own_token(stage: Stage) -> dict[str, Any]:
    (token,) = AccessToken.objects.filter(user=stage.world.people["manager"])
    return {"id": token.pk}


def allowed(stage: Stage) -> dict[str, Any]:
    return {"id": stage.world.collaboration.pk, "version": stage.world.version.pk}


def policy(stage: Stage) -> dict[str, Any]:
    return {"purpose": "to know more", "deadline_days": 7}


def members(stage: Stage) -> str:
    return f"organization,username,role\n{stage.world.sites[0]},new-person,viewer\n"


def parties(stage: Stage) -> str:
    own, site = stage.world.collaboration, stage.world.sites[0]
    return f"collaboration,organization,may_create_tasks\n{own},{site},no\n"


PERSON = {"username": "new-person", "first_name": "New"}
ROOT, MANAGER, ADMIN = "platform admin", "manager", "organization's admin"
EXAMPLES: dict[str, Example] = {
    "algorithms_list": Example("viewer"),
    "algorithms_retrieve": Example("viewer", first("algorithms")),
    "audit_list": Example(ROOT),
    "audit_retrieve": Example(ADMIN, an_event),
    "collaborations_list": Example("viewer"),
    "collaborations_create": Example(ROOT, body=lambda s: {"name": "New heart"}),
    "collaborations_retrieve": Example("viewer", first("collaborations")),
    "collaborations_partial_update": Example(
        MANAGER, first("collaborations"), body=policy
    ),
    "collaborations_admins_update": Example(
        ROOT,
        first("collaborations"),
        body=lambda s: {"people": [s.world.people["alice"].pk]},
    ),
    "collaborations_archive_create": Example(MANAGER, first("collaborations")),
    "collaborations_versions_list": Example("viewer", first("collaborations")),
    "collaborations_versions_create": Example(
        MANAGER,
        first("collaborations"),
        body=lambda s: {"image": s.world.version.image},
    ),
    "collaborations_versions_destroy": Example(MANAGER, allowed),
    "me_retrieve": Example("steward"),
    "memberships_list": Example("viewer"),
    "memberships_create": Example(
        ADMIN,
        body=lambda s: {
            "organization": s.world.sites[0].pk,
            "username": s.world.people["bob"].username,
            "role": "researcher",
        },
    ),
    "memberships_export_retrieve": Example(ADMIN),
    "memberships_import_create": Example(ADMIN, body=members, media_type="text/csv"),
    "memberships_retrieve": Example("viewer", bobs_membership),
    "memberships_partial_update": Example(
        ADMIN, bobs_membership, body=lambda s: {"role": "steward"}
    ),
    "memberships_destroy": Example(ADMIN, bobs_membership),
    "nodes_list": Example("viewer"),
    "nodes_retrieve": Example("viewer", first("nodes")),
    "nodes_revoke_create": Example(ADMIN, first("nodes")),
    "nodes_give_back_create": Example(ADMIN, first("nodes")),
    "organizations_list": Example("viewer"),
    "organizations_create": Example(ROOT, body=lambda s: {"name": "New heart"}),
    "organizations_retrieve": Example("viewer", first("organizations")),
    "organizations_partial_update": Example(
        ADMIN, first("organizations"), body=lambda s: {"name": "Other heart"}
    ),
    "organizations_enrolment_codes_create": Example(ADMIN, first("organizations")),
    "organizations_people_create": Example(
        ADMIN, first("organizations"), body=lambda s: {**PERSON, "role": "viewer"}
    ),
    "participations_list": Example("viewer"),
    "participations_create": Example(
        MANAGER,
        body=lambda s: {
            "collaboration": s.world.collaboration.pk,
            "organization_name": s.rival.sites[0].name,
        },
    ),
    "participations_export_retrieve": Example(MANAGER),
    "participations_import_create": Example(
        MANAGER, body=parties, media_type="text/csv"
    ),
    "participations_retrieve": Example("viewer", first("participations")),
    "participations_partial_update": Example(
        MANAGER,
        first("participations"),
        body=lambda s: {"may_create_tasks": False},
    ),
    "participations_accept_create": Example("invited admin", invitation),
    "participations_decline_create": Example("invited admin", invitation),
    "participations_withdraw_create": Example(MANAGER, invitation),
    "participations_end_create": Example(ADMIN, first("participations")),
    "people_list": Example(ROOT),
    "people_create": Example(ROOT, body=lambda s: PERSON),
    "people_retrieve": Example(ROOT, bob),
    "people_deactivate_create": Example(ROOT, bob),
    "people_password_create": Example(ROOT, bob),
    "people_reactivate_create": Example(ROOT, bob),
    "results_list": Example("researcher"),
    "results_retrieve": Example("researcher", first("results")),
    "results_download_retrieve": Example("researcher", first("results")),
    "results_preview_retrieve": Example("researcher", first("results")),
    "runs_list": Example("researcher"),
    "runs_retrieve": Example("researcher", first("runs")),
    "runs_again_create": Example("researcher", first("runs")),
    "runs_log_retrieve": Example("researcher", first("runs")),
    "studies_list": Example("viewer"),
    "studies_create": Example(
        MANAGER,
        body=lambda s: {
            "collaboration": s.world.collaboration.pk,
            "name": "Young hearts",
            "organizations": s.own["organizations"][:2],
        },
    ),
    "studies_retrieve": Example("viewer", first("studies")),
    "studies_partial_update": Example(
        MANAGER, first("studies"), body=lambda s: {"name": "Old hearts"}
    ),
    "studies_end_create": Example(MANAGER, first("studies")),
    "tasks_list": Example("researcher"),
    "tasks_create": Example("researcher", body=lambda s: s.world.task_body()),
    "tasks_forecast_create": Example("researcher", body=lambda s: s.world.task_body()),
    "tasks_retrieve": Example("researcher", first("tasks")),
    "tasks_cancel_create": Example("task token", first("tasks")),
    "tasks_results.zip_retrieve": Example("researcher", first("tasks")),
    "tokens_list": Example("reading token"),
    "tokens_create": Example(
        "viewer", body=lambda s: {"name": "laptop", "scope": "read", "days": 7}
    ),
    "tokens_retrieve": Example(MANAGER, own_token),
    "tokens_destroy": Example(MANAGER, own_token),
    "versions_list": Example("viewer"),
    "versions_create": Example(
        ROOT, body=lambda s: {"image": NEW_IMAGE, "manifest": MANIFEST}
    ),
    "versions_retrieve": Example("viewer", first("versions")),
    "versions_reinstate_create": Example(ROOT, first("versions")),
    "versions_withdraw_create": Example(ROOT, first("versions")),
}
