"""What the sites of a task have answered, as far as a reader may see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.accounts.models import User
from apps.collaborations.models import Participation
from apps.results.manifest_views import views_of
from apps.results.models import Result
from apps.results.preview import Preview, is_json, preview_of
from apps.results.tables import Answer, Table
from apps.tasks.models import Run, Task

# All sites together: a page parses no more, however many sites there are.
MAX_TASK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Unread:
    """A result that is there, and why its numbers are not in the tables."""

    result: Result
    reason: str


@dataclass(frozen=True)
class TaskResults:
    task: Task
    runs: Sequence[Run]
    results: Sequence[Result]
    answers: Sequence[Answer]
    unread: Sequence[Unread]

    @property
    def missing(self) -> list[Run]:
        return [run for run in self.runs if not hasattr(run, "result")]

    @property
    def read(self) -> list[Result]:
        """Those whose numbers are in the answers."""
        shown = {answer.result_id for answer in self.answers}
        return [result for result in self.results if result.pk in shown]

    def tables(self) -> list[Table]:
        views = views_of(self.task) if self.answers else []
        return [Table(view, self.answers, len(self.runs)) for view in views]


def results_of(task: Task, reader: User) -> TaskResults:
    """Read the results of the current runs that the reader may see."""
    current = list(
        Run.objects.visible_to(reader)
        .filter(task=task, is_current=True)
        .select_related("organization", "result", "task")
        .order_by("organization__name", "pk")
    )
    positions = positions_in(task.collaboration_id)
    results = [run.result for run in current if hasattr(run, "result")]
    answers, unread = [], []
    room = MAX_TASK_BYTES
    for result in results:
        shown = _within(room, result)
        room -= result.size if not shown.reason else 0
        if shown.reason:
            unread.append(Unread(result, shown.reason))
            continue
        organization = result.run.organization
        position = positions[organization.pk]
        answers.append(Answer(organization.name, position, shown.value, result.pk))
    return TaskResults(task, current, results, answers, unread)


def positions_in(collaboration_id: int) -> dict[int, int]:
    """Number the organizations as they were invited: each keeps its colour for ever."""
    invited = Participation.objects.filter(collaboration=collaboration_id)
    ids = invited.order_by("pk").values_list("organization", flat=True)
    return {pk: index for index, pk in enumerate(ids)}


def _within(room: int, result: Result) -> Preview:
    if is_json(result.media_type) and result.size > room:
        return Preview(reason="The results are too large to show all of them here.")
    return preview_of(result)
