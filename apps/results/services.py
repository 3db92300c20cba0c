import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.utils import timezone

from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.audit.services import event_of, record, record_all
from apps.nodes.models import Node
from apps.results.choices import DownloadForm
from apps.results.models import Result, Upload
from apps.tasks.models import Run
from apps.tasks.services import finish_run
from apps.writes import insert

DOWNLOADED = "result.downloaded"
ONE_DOWNLOAD = timedelta(days=1)
VIEWED = "result.viewed"
ONE_VIEW = timedelta(hours=1)


def name_of(upload: Upload) -> str:
    """Under which the storage keeps the bytes once they are a result."""
    return f"{upload.run_id}/{upload.uuid.hex}"


@transaction.atomic
def commit_result(*, run: Run, node: Node, upload: Upload, path: Path) -> Result:
    """Store the whole and checked bytes as the run's result and complete the run."""
    result = Result(
        run=run,
        size=upload.length,
        sha256=upload.sha256,
        media_type=upload.media_type,
    )
    name = name_of(upload)
    # What a crash before the commit has left: this run has no result yet.
    result.file.storage.delete(name)
    with _Linked(path) as file:
        result.file.save(name, file, save=False)
    try:
        _make_name_durable(result)
        insert(result)
        finish_run(run=run, node=node)
    except BaseException:
        result.file.delete(save=False)
        raise
    record(
        actor=Actor.node(node.pk),
        action="result.stored",
        object_type="run",
        object_id=run.pk,
        organization=run.organization_id,
        collaboration=run.task.collaboration_id,
        sha256=upload.sha256,
        size=upload.length,
    )
    transaction.on_commit(lambda: path.unlink(missing_ok=True))
    return result


def record_downloads(
    *, actor: Actor, results: Iterable[Result], form: DownloadForm
) -> None:
    """Keep who took which results, before the first byte is sent."""
    record_all(_event(actor, DOWNLOADED, result, form=form) for result in results)


def record_part(*, actor: Actor, result: Result) -> None:
    """A later part of a file belongs to the download that began it within a day."""
    if not _lately(actor, DOWNLOADED, [result.pk], ONE_DOWNLOAD):
        record_downloads(actor=actor, results=[result], form=DownloadForm.FILE)


def record_views(*, actor: Actor, results: Iterable[Result]) -> None:
    """Keep to whom a page shows what is in which results.

    A page that is open asks again and again: within an hour that is one view.
    """
    shown = {result.pk: result for result in results}
    if shown:
        seen = _lately(actor, VIEWED, shown, ONE_VIEW)
        new = [result for pk, result in shown.items() if pk not in seen]
        record_all(_event(actor, VIEWED, result) for result in new)


def _event(actor: Actor, action: str, result: Result, **details: object) -> Event:
    return event_of(
        actor=actor,
        action=action,
        object_type="result",
        object_id=result.pk,
        organization=result.run.organization_id,
        collaboration=result.run.task.collaboration_id,
        **details,
    )


def _lately(
    actor: Actor, action: str, results: Iterable[int], span: timedelta
) -> set[int]:
    """To which of the results the actor has done this within the span."""
    found = Event.objects.filter(
        object_type="result",
        object_id__in=list(results),
        action=action,
        actor_kind=actor.kind,
        actor_id=actor.id,
        at__gt=timezone.now() - span,
    )
    return {pk for pk in found.values_list("object_id", flat=True) if pk is not None}


class _Linked(File):  # type: ignore[type-arg]
    """A second name of the uploaded file, which a file storage moves, not copies.

    The first name stays until the commit, so that a rollback loses nothing.
    """

    def __init__(self, path: Path) -> None:
        self.second_name = path.with_suffix(".done")
        self.second_name.unlink(missing_ok=True)
        os.link(path, self.second_name)
        super().__init__(self.second_name.open("rb"), name=path.name)

    def temporary_file_path(self) -> str:
        return str(self.second_name)

    def close(self) -> None:
        super().close()
        self.second_name.unlink(missing_ok=True)


def _make_name_durable(result: Result) -> None:
    """A file's name is only safe once its folder is written too."""
    if not isinstance(result.file.storage, FileSystemStorage):
        return
    folder = os.open(os.path.dirname(result.file.path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
