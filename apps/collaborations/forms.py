from django import forms

from apps.collaborations.choices import ParticipationStatus
from ptm_site.forms import PortalForm

P = ParticipationStatus


class AnswerForm(PortalForm):
    """One button each: the page offers what the state allows, the service decides."""

    answer = forms.ChoiceField(
        choices=[
            (answer.value, answer.label) for answer in (P.ACCEPTED, P.DECLINED, P.ENDED)
        ]
    )
