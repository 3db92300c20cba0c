from collections.abc import Iterable

from apps.nodes.events import work_hints
from apps.notify import Hint, hint, notify


def task_group(task_id: int) -> str:
    return f"task.{task_id}"


def collaboration_group(collaboration_id: int) -> str:
    """For those who watch all tasks of a collaboration that they may see."""
    return f"tasks.{collaboration_id}"


def log_group(run_id: int) -> str:
    return f"log.{run_id}"


def notify_watchers(task_id: int, collaboration_id: int) -> None:
    """Tell whoever watches the task that something in it changed."""
    notify(*_watchers(task_id, collaboration_id))


def notify_new(task_id: int, collaboration_id: int, sites: Iterable[int]) -> None:
    """Tell of a task to whoever watches, and to the nodes that it waits for."""
    notify(*_watchers(task_id, collaboration_id), *work_hints(sites))


def _watchers(task_id: int, collaboration_id: int) -> list[Hint]:
    groups = task_group(task_id), collaboration_group(collaboration_id)
    return [hint(group, task=task_id) for group in groups]


def notify_readers(run_id: int) -> None:
    """Tell whoever reads the run's log that it has grown."""
    notify(hint(log_group(run_id)))
