from apps.notify import notify


def task_group(task_id: int) -> str:
    return f"task.{task_id}"


def notify_watchers(task_id: int) -> None:
    """Tell whoever watches the task that something in it changed."""
    notify(task_group(task_id), task=task_id)
