from apps.notify import notify


def task_group(task_id: int) -> str:
    return f"task.{task_id}"


def collaboration_group(collaboration_id: int) -> str:
    """For those who watch all tasks of a collaboration that they may see."""
    return f"tasks.{collaboration_id}"


def log_group(run_id: int) -> str:
    return f"log.{run_id}"


def notify_watchers(task_id: int, collaboration_id: int) -> None:
    """Tell whoever watches the task that something in it changed."""
    notify(task_group(task_id), task=task_id)
    notify(collaboration_group(collaboration_id), task=task_id)


def notify_readers(run_id: int) -> None:
    """Tell whoever reads the run's log that it has grown."""
    notify(log_group(run_id))
