from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from apps.results.models import Upload
from apps.results.uploads import discard
from apps.tasks.choices import TERMINAL

KEPT = timedelta(days=1)


def delete_abandoned_uploads() -> int:
    """Delete uploads whose run ended, or moved on, a day after their last byte."""
    quiet = Upload.objects.filter(touched_at__lt=timezone.now() - KEPT)
    abandoned = [
        upload
        for upload in quiet.select_related("run").iterator()
        if upload.run.status in TERMINAL or upload.run.attempt != upload.attempt
    ]
    for upload in abandoned:
        discard(upload)
    return len(abandoned)


def delete_orphaned_bytes() -> int:
    """Delete files that belong to no upload under way, a day after their last byte.

    A crash leaves them, and a run that is deleted with its uploads.
    """
    folder = Path(settings.UPLOAD_DIR)
    outdated = (timezone.now() - KEPT).timestamp()
    old = [
        path
        for path in (folder.iterdir() if folder.exists() else ())
        if _is_older(path, outdated)
    ]
    if not old:
        return 0
    under_way = Upload.objects.filter(offset__lt=F("length"))
    wanted = {uuid.hex for uuid in under_way.values_list("uuid", flat=True)}
    orphans = [path for path in old if path.name not in wanted]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _is_older(path: Path, than: float) -> bool:
    try:
        return path.stat().st_mtime < than
    except FileNotFoundError:  # its upload has ended meanwhile
        return False
