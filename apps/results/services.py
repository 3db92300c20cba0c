import os
from collections.abc import Iterable
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage
from django.db import transaction

from apps.audit.actors import Actor
from apps.audit.services import record
from apps.nodes.models import Node
from apps.results.models import Result, Upload
from apps.tasks.models import Run
from apps.tasks.services import finish_run


@transaction.atomic
def commit_result(*, run: Run, node: Node, upload: Upload, path: Path) -> Result:
    """Store the whole and checked bytes as the run's result and complete the run."""
    result = Result(
        run=run,
        size=upload.length,
        sha256=upload.sha256,
        media_type=upload.media_type,
    )
    with _Linked(path) as file:
        result.file.save(f"{run.pk}/{upload.uuid.hex}", file, save=False)
    try:
        _make_name_durable(result)
        result.save()
        finish_run(run=run, node=node)
    except BaseException:
        result.file.delete(save=False)
        raise
    record(
        actor=Actor.node(node.pk),
        action="result.stored",
        object_type="run",
        object_id=run.pk,
        sha256=upload.sha256,
        size=upload.length,
    )
    transaction.on_commit(lambda: path.unlink(missing_ok=True))
    return result


@transaction.atomic
def record_downloads(*, actor: Actor, results: Iterable[Result]) -> None:
    """Keep who took which results, as bytes or as a table."""
    for result in results:
        record(
            actor=actor,
            action="result.downloaded",
            object_type="result",
            object_id=result.pk,
        )


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
