from datetime import timedelta

from django.db import models

PROTOCOL = 1
HEARTBEAT_SECONDS = 20
ONLINE_WITHIN = timedelta(seconds=60)


class DatabaseType(models.TextChoices):
    CSV = "csv"
    PARQUET = "parquet"
    EXCEL = "excel"
    FOLDER = "folder"
    SQL = "sql"
    OMOP = "omop"
    SPARQL = "sparql"
    OTHER = "other"


class Contract(models.TextChoices):
    """How a container is spoken to."""

    PTM = "ptm"
    VANTAGE6 = "vantage6"
