from datetime import timedelta

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
