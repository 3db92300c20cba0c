from django.db import models


class VersionStatus(models.TextChoices):
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class FunctionType(models.TextChoices):
    PARTIAL = "partial"
    CENTRAL = "central"
