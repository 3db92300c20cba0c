from django.db import models


class DownloadForm(models.TextChoices):
    """In which form somebody took a result."""

    FILE = "file"
    ZIP = "zip"
    TABLE = "table"
    PREVIEW = "preview"
