"""What pages of lower apps show of tasks: always a fixed number of the newest rows."""

from collections import Counter

from django import template
from django.template.context import RequestContext

from apps.collaborations.models import Collaboration, Participation
from apps.organizations.models import Organization
from apps.tasks.choices import RunStatus
from apps.tasks.models import Run, Task
from ptm_site.pages import reader_of

register = template.Library()

# Of so many newest rows the page tells; a table that grows is never counted.
LOOKED_AT = 200
SHOWN = 6


@register.inclusion_tag("tasks/latest.html", takes_context=True)
def latest_tasks(
    context: RequestContext, collaboration: Collaboration
) -> dict[str, object]:
    """The newest tasks of a collaboration that the reader may see."""
    newest = list(
        Task.objects.filter(collaboration=collaboration)
        .order_by("-pk")
        .values_list("pk", flat=True)[:LOOKED_AT]
    )
    visible = Task.objects.visible_to(reader_of(context["request"])).filter(
        pk__in=newest, parent_run=None
    )
    tasks = visible.select_related("initiator", "organization").order_by("-pk")[:SHOWN]
    return {"tasks": tasks, "collaboration": collaboration}


@register.inclusion_tag("tasks/runs_of.html")
def runs_of(organization: Organization) -> dict[str, object]:
    """The newest runs of an organization by state, in the order of their life."""
    newest = list(
        Run.objects.filter(organization=organization)
        .order_by("-pk")
        .values_list("status", "created_at")[:LOOKED_AT]
    )
    counted = Counter(status for status, _ in newest)
    return {
        "states": [(s, counted[s]) for s in RunStatus.values if counted[s]],
        "total": len(newest),
        "since": newest[-1][1] if newest else None,
    }


@register.simple_tag
def queued_runs(participation: Participation) -> int:
    """How many runs would be cancelled if the organization left; 1000 at most."""
    concerned = Run.objects.concerning(participation)
    queued = concerned.filter(status=RunStatus.QUEUED)
    return queued[:1000].count()
