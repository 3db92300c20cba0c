from datetime import timedelta

from django.db import models

PROTOCOLS = range(1, 2)  # those that this server speaks
HEARTBEAT_SECONDS = 20
ONLINE_WITHIN = timedelta(seconds=60)
LABEL = r"^[a-z0-9_]{1,64}$"  # of a database, as a site names it to others


class DatabaseType(models.TextChoices):
    CSV = "csv"
    PARQUET = "parquet"
    EXCEL = "excel"
    FOLDER = "folder"
    SQL = "sql"
    OMOP = "omop"
    SPARQL = "sparql"
    DIRECT = "direct"
    OTHER = "other"


class ColumnType(models.TextChoices):
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TEXT = "text"


class Contract(models.TextChoices):
    """How a container is spoken to."""

    PTM = "ptm"
    VANTAGE6 = "vantage6"
