from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.accounts.choices import TokenScope
from apps.accounts.forms import TokenForm
from apps.accounts.models import AccessToken, User
from apps.accounts.services import create_token, revoke_token
from apps.audit.actors import Actor
from apps.errors import Invalid, Missing
from ptm_site.pages import reader_of
from ptm_site.paging import page_of


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account_page(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    form = TokenForm(request.POST or None)
    made = _made_token(form, reader) if form.is_valid() else None
    context = {
        "memberships": reader.memberships.select_related("organization").order_by("id"),
        "page": page_of(reader.access_tokens.all(), request.GET),
        "form": TokenForm() if made else form,
        # The text is in this one answer, and nowhere else.
        "made": made,
        "now": timezone.now(),
        "public_url": settings.PUBLIC_URL,
    }
    return render(request, "accounts/account.html", context)


def _made_token(form: TokenForm, user: User) -> tuple[AccessToken, str] | None:
    try:
        return create_token(
            user=user,
            name=form.cleaned_data["name"],
            scope=TokenScope(form.cleaned_data["scope"]),
            lifetime=form.lifetime_span,
            actor=Actor.user(user.pk),
        )
    except Invalid as error:
        form.add_error("name", error.detail)
        return None


@require_http_methods(["GET", "HEAD", "POST"])
def revoke_token_page(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    token = reader.access_tokens.filter(pk=pk).first()
    if token is None:
        raise Missing
    if request.method == "POST":
        revoke_token(token=token, actor=Actor.user(reader.pk))
        messages.success(request, f"The token “{token.name}” is revoked.")
        return redirect("account")
    return render(request, "accounts/revoke_token.html", {"token": token})
