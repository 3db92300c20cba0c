from typing import Any

from django.core.validators import RegexValidator
from django.db import models

from apps.algorithms.choices import VersionStatus
from apps.algorithms.selectors import AlgorithmQuerySet, VersionQuerySet
from apps.collaborations.models import Collaboration
from apps.nodes.choices import Contract

DIGEST = RegexValidator(r"^sha256:[0-9a-f]{64}$")


class Algorithm(models.Model):
    """A repository of the registry, for example `registry.example.org/ptm/summary`."""

    name = models.CharField(max_length=200)
    description = models.TextField(max_length=5000, blank=True)
    repository = models.CharField(max_length=255, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AlgorithmQuerySet.as_manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class AlgorithmVersion(models.Model):
    """An image pinned by its digest, with the manifest of its functions."""

    algorithm = models.ForeignKey(
        Algorithm, on_delete=models.PROTECT, related_name="versions"
    )
    digest = models.CharField(max_length=71, validators=[DIGEST])
    tag = models.CharField(max_length=128, blank=True)
    contract = models.CharField(max_length=10, choices=Contract)
    manifest = models.JSONField()
    status = models.CharField(
        max_length=10, choices=VersionStatus, default=VersionStatus.ACTIVE
    )
    collaborations = models.ManyToManyField(
        Collaboration, related_name="allowed_versions", through="AllowedVersion"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint("algorithm", "digest", name="one_version_a_digest"),
        )

    def __str__(self) -> str:
        return f"{self.algorithm} {self.tag or self.digest[7:19]}"

    @property
    def image(self) -> str:
        return f"{self.algorithm.repository}@{self.digest}"

    def function(self, name: str) -> dict[str, Any] | None:
        """Return the manifest's entry of a function."""
        for entry in self.manifest["functions"]:
            if entry["name"] == name:
                found: dict[str, Any] = entry
                return found
        return None


class AllowedVersion(models.Model):
    """A collaboration allows this version to run in it."""

    collaboration = models.ForeignKey(Collaboration, on_delete=models.CASCADE)
    version = models.ForeignKey(AlgorithmVersion, on_delete=models.CASCADE)
    allowed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "collaboration", "version", name="allowed_once_each"
            ),
        )
