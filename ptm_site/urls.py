from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ptm_site.health import healthy

# Sign-in is allauth's everywhere: slowed down, and silent about who exists.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "ptm_site.outside.bad_request"
handler404 = "ptm_site.outside.not_found"
handler500 = "ptm_site.outside.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs"), name="home"),
    path("health/", healthy, name="health"),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("ptm_site.api")),
]
