"""What an organization's page shows of its collaborations, which lie above it."""

from django import template
from django.template.context import RequestContext

from apps.collaborations.models import Collaboration, Participation
from apps.organizations.models import Organization
from ptm_site.pages import reader_of

register = template.Library()


@register.simple_tag
def without_sending(collaboration: Collaboration) -> list[Organization]:
    """The organizations that take part and may not send tasks."""
    silent = collaboration.participations.accepted().filter(may_create_tasks=False)
    found = Organization.objects.filter(participations__in=silent)
    return list(found.order_by("name"))


@register.inclusion_tag("collaborations/of_organization.html", takes_context=True)
def collaborations_of(
    context: RequestContext, organization: Organization
) -> dict[str, object]:
    """Those that the reader sees, and invitations that the reader may answer."""
    reader = reader_of(context["request"])
    here = Participation.objects.filter(organization=organization).select_related(
        "collaboration"
    )
    visible = Collaboration.objects.visible_to(reader)
    return {
        "taking_part": here.accepted().filter(collaboration__in=visible),
        "invitations": here.answerable_by(reader).filter(status="invited"),
    }
