from typing import Any

from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class AdministrationConfig(SimpleAdminConfig):
    """Django's admin with our site: who gets in, and what is registered.

    Its pages are loaded with those of the portal: an operator's command and the worker
    need neither, and are there in two thirds of the time.
    """

    default_site = "ptm_site.admin_site.AdministrationSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_pages, checks.Tags.admin)


def load_pages() -> None:
    autodiscover()
    from ptm_site import admin_audit  # noqa: F401 (who reads it, all apps decide)


def check_pages(**options: Any) -> list[Any]:
    load_pages()
    return list(check_admin_app(**options))
