from typing import Any

from django.db import transaction

from apps.algorithms.choices import VersionStatus
from apps.algorithms.images import ImageReference
from apps.algorithms.manifests import check_manifest
from apps.algorithms.models import Algorithm, AlgorithmVersion, AllowedVersion
from apps.algorithms.registry import resolve_digest
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.collaborations.models import Collaboration


def register_version(
    *, image: str, manifest: dict[str, Any], actor: Actor
) -> AlgorithmVersion:
    """Pin what the registry holds for `image` now, with its manifest. Idempotent."""
    check_manifest(manifest)
    reference = ImageReference.parse(image)
    digest = resolve_digest(reference)  # outside the transaction: it may take seconds
    return _store_version(reference, digest, manifest, actor)


@transaction.atomic
def _store_version(
    reference: ImageReference, digest: str, manifest: dict[str, Any], actor: Actor
) -> AlgorithmVersion:
    algorithm, _ = Algorithm.objects.get_or_create(
        repository=reference.repository,
        defaults={
            "name": manifest["name"],
            "description": manifest["description"],
        },
    )
    version, created = AlgorithmVersion.objects.get_or_create(
        algorithm=algorithm,
        digest=digest,
        defaults={
            "tag": reference.tag or "",
            "contract": manifest["contract"],
            "manifest": manifest,
        },
    )
    if created:
        version.full_clean()
        _record(actor, "version.registered", version, digest=digest)
    return version


@transaction.atomic
def allow_version(
    *, version: AlgorithmVersion, collaboration: Collaboration, actor: Actor
) -> None:
    AllowedVersion.objects.get_or_create(version=version, collaboration=collaboration)
    _record(actor, "version.allowed", version, collaboration=collaboration.pk)


@transaction.atomic
def withdraw_version(*, version: AlgorithmVersion, actor: Actor) -> None:
    """Let no new task use the version."""
    version.status = VersionStatus.WITHDRAWN
    version.save(update_fields=("status",))
    _record(actor, "version.withdrawn", version)


def _record(
    actor: Actor, action: str, version: AlgorithmVersion, **details: object
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="algorithm_version",
        object_id=version.pk,
        **details,
    )
