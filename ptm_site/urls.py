from django.contrib import admin
from django.urls import include, path

from apps.accounts import urls as accounts
from apps.algorithms import urls as algorithms
from apps.collaborations import urls as collaborations
from apps.organizations import urls as organizations
from apps.results import urls as results
from apps.tasks import urls as tasks
from ptm_site import admin_config
from ptm_site.health import healthy

handler400 = "ptm_site.outside.bad_request"
handler403 = "ptm_site.outside.forbidden"
handler404 = "ptm_site.outside.not_found"
handler429 = "ptm_site.outside.too_many"  # allauth's
handler500 = "ptm_site.outside.server_error"

admin_config.load_pages()
urlpatterns = [
    path("api/v1/", include("ptm_site.api")),  # first: nodes ask most often
    *tasks.page_urlpatterns,
    *results.page_urlpatterns,
    *collaborations.page_urlpatterns,
    *algorithms.page_urlpatterns,
    *organizations.page_urlpatterns,
    *accounts.page_urlpatterns,
    path("health/", healthy, name="health"),
    path("accounts/", include(accounts.sign_in_urlpatterns)),
    path("admin/", admin.site.urls),
]
