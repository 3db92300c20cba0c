from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.errors import Missing
from apps.organizations.models import Organization
from ptm_site.pages import reader_of


@require_safe
def organization_page(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    organization = Organization.objects.visible_to(reader).filter(pk=pk).first()
    if organization is None:
        raise Missing
    people = organization.memberships.select_related("user").order_by("user__username")
    own = reader.is_superuser or people.filter(user=reader).exists()
    managed = Organization.objects.administered_by(reader).filter(pk=pk)
    context = {
        "organization": organization,
        "own": own,
        "people": people,
        "may_manage": reader.is_superuser or managed.exists(),
    }
    return render(request, "organizations/organization.html", context)
