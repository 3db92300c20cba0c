from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    """Django's admin with our site: who gets in, and what is registered."""

    default_site = "ptm_site.admin_site.AdministrationSite"

    def ready(self) -> None:
        super().ready()
        from ptm_site import admin_audit  # noqa: F401 (who reads it, all apps decide)
