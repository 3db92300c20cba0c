from django.db import models


class Role(models.TextChoices):
    """A user's role in one organization; also the name of its derived group."""

    VIEWER = "viewer"
    RESEARCHER = "researcher"
    STEWARD = "steward", "data steward"
    ADMIN = "admin"
