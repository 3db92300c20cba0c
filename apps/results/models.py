import uuid

from django.core.files.storage import storages
from django.core.validators import RegexValidator
from django.db import models

from apps.results.selectors import ResultQuerySet
from apps.tasks.models import Run

SHA256 = RegexValidator(r"^[0-9a-f]{64}$")


class Result(models.Model):
    """The bytes that a run returned."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="result")
    file = models.FileField(storage=storages["default"], max_length=200)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    media_type = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ResultQuerySet.as_manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"Result {self.pk}"


class Upload(models.Model):
    """A result on its way: one per run, attempt and content."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="uploads")
    attempt = models.PositiveIntegerField()
    length = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    media_type = models.CharField(max_length=100)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "run", "attempt", "length", "sha256", name="one_upload_per_content"
            ),
            models.CheckConstraint(
                condition=models.Q(offset__lte=models.F("length")),
                name="upload_within_length",
            ),
        )
