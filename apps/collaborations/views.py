from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_as_admin
from apps.collaborations.forms import AnswerForm
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.policy import why_closed
from apps.collaborations.selectors import MANAGE
from apps.errors import Missing
from ptm_site.pages import reader_of
from ptm_site.paging import page_of

TOLD = {
    ParticipationStatus.ACCEPTED: "{site} takes part in {collaboration} from now on."
    " Next, name it in the settings of your node.",
    ParticipationStatus.DECLINED: "The invitation to {collaboration} is declined.",
    ParticipationStatus.ENDED: "{site} no longer takes part in {collaboration}.",
}


@require_safe
def collaboration_list(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    members = Participation.objects.accepted().select_related("organization")
    shown = Collaboration.objects.visible_to(reader).prefetch_related(
        Prefetch("participations", queryset=members)
    )
    invitations = Participation.objects.answerable_by(reader).filter(
        status=ParticipationStatus.INVITED
    )
    context = {
        "page": page_of(shown, request.GET),
        "invitations": invitations.select_related("collaboration", "organization"),
    }
    return render(request, "collaborations/list.html", context)


@require_safe
def collaboration_page(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    visible = Collaboration.objects.visible_to(reader)
    collaboration = visible.prefetch_related("admins").filter(pk=pk).first()
    if collaboration is None:
        raise Missing
    own = Participation.objects.answerable_by(reader).filter(collaboration=pk)
    context = {
        "collaboration": collaboration,
        "participations": collaboration.participations.shown_to(reader)
        .select_related("organization")
        .order_by("organization__name"),
        "answerable": set(own.values_list("pk", flat=True)),
        "studies": collaboration.studies.going_on().prefetch_related("organizations"),
        "may_send": _may_send(reader, collaboration),
        "may_manage": Collaboration.objects.permitted_to(reader, MANAGE)
        .filter(pk=pk)
        .exists(),
    }
    return render(request, "collaborations/collaboration.html", context)


def _may_send(reader: User, collaboration: Collaboration) -> bool:
    """Whether the way to a new task is offered: what the service asks, in short."""
    permitted = Collaboration.objects.with_sender(reader)
    sender = collaboration.participations.accepted().filter(
        organization__memberships__user=reader, may_create_tasks=True
    )
    return (
        why_closed(collaboration) is None
        and permitted.filter(pk=collaboration.pk).exists()
        and bool(sender.exists())
    )


@require_http_methods(["GET", "HEAD", "POST"])
def participation_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Where an organization's own admin accepts, declines, or ends taking part."""
    reader = reader_of(request)
    participation = (
        Participation.objects.answerable_by(reader)
        .select_related("collaboration", "organization")
        .filter(pk=pk)
        .first()
    )
    if participation is None:
        raise Missing
    form = AnswerForm(request.POST or None)
    if form.is_valid():
        answer = ParticipationStatus(form.cleaned_data["answer"])
        answer_as_admin(participation=participation, answer=answer, admin=reader)
        messages.success(request, _told(participation, answer))
        return redirect("collaborations")
    members = participation.collaboration.participations.accepted()
    context = {
        "participation": participation,
        "collaboration": participation.collaboration,
        "members": members.select_related("organization").order_by(
            "organization__name"
        ),
    }
    return render(request, "collaborations/participation.html", context)


def _told(participation: Participation, answer: ParticipationStatus) -> str:
    return TOLD[answer].format(
        site=participation.organization, collaboration=participation.collaboration
    )
