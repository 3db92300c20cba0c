from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.naming import keep_told
from apps.algorithms.choices import VersionStatus
from apps.algorithms.images import ImageReference
from apps.algorithms.manifests import check_manifest
from apps.algorithms.models import Algorithm, AlgorithmVersion, AllowedVersion
from apps.algorithms.registry import resolve_digest
from apps.audit.actors import Actor
from apps.audit.services import difference, record
from apps.collaborations.models import Collaboration
from apps.collaborations.policy import lock_changeable
from apps.errors import Conflict, Invalid


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
    if version.status == VersionStatus.WITHDRAWN:
        raise Conflict("version_withdrawn", "This version was withdrawn.")
    lock_changeable(collaboration.pk)
    AllowedVersion.objects.get_or_create(version=version, collaboration=collaboration)
    _record(actor, "version.allowed", version, collaboration=collaboration.pk)


def allow_image(
    *, image: str, collaboration: Collaboration, asker: User
) -> AlgorithmVersion:
    """Allow the registered image of this exact name, which need not be in sight."""
    version: AlgorithmVersion | None = AlgorithmVersion.objects.all().registered_as(
        image
    )
    if version is None:
        keep_told(asker, "algorithm_version", collaboration=collaboration.pk)
        detail = "No active version of this image is registered here."
        raise Invalid("image", "version_unknown", detail)
    actor = Actor.user(asker.pk)
    allow_version(version=version, collaboration=collaboration, actor=actor)
    return version


@transaction.atomic
def disallow_version(
    *, version: AlgorithmVersion, collaboration: Collaboration, actor: Actor
) -> None:
    """Let no new task of the collaboration use the version; runs under way go on."""
    allowed = AllowedVersion.objects.filter(
        version=version, collaboration=collaboration
    )
    if not allowed.delete()[0]:
        raise Conflict("version_not_allowed", "The collaboration does not allow it.")
    _record(actor, "version.disallowed", version, collaboration=collaboration.pk)


@transaction.atomic
def reinstate_version(*, version: AlgorithmVersion, actor: Actor) -> None:
    _set_status(version, VersionStatus.ACTIVE, "version.reinstated", actor)


@transaction.atomic
def withdraw_version(*, version: AlgorithmVersion, actor: Actor) -> None:
    """Let no new task use the version."""
    _set_status(version, VersionStatus.WITHDRAWN, "version.withdrawn", actor)


def _set_status(
    version: AlgorithmVersion, status: VersionStatus, action: str, actor: Actor
) -> None:
    before = version.status
    version.status = status
    version.save(update_fields=("status",))
    changed = difference({"status": before}, {"status": status})
    _record(actor, action, version, **changed)


def _record(
    actor: Actor, action: str, version: AlgorithmVersion, **details: Any
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="algorithm_version",
        object_id=version.pk,
        **details,
    )
