"""An earlier task as a new one's beginning: its choices, arguments, name, purpose."""

import json
from typing import Any

from django.http import QueryDict

from apps.accounts.models import User
from apps.errors import Missing
from apps.tasks.argument_fields import is_flat
from apps.tasks.argument_forms import texts_of
from apps.tasks.models import Task
from apps.tasks.visible import task_or_404


def begin_from(user: User, task_id: int | None) -> QueryDict:
    """Return what the new task's form would have sent for the earlier task."""
    if task_id is None:
        raise Missing
    earlier = task_or_404(user, task_id)
    data = QueryDict(mutable=True)
    data.update(
        {
            "collaboration": str(earlier.collaboration_id),
            "organization": str(earlier.organization_id),
            "version": str(earlier.version_id),
            **({"study": str(earlier.study_id)} if earlier.study_id else {}),
            "function": earlier.function,
            "name": earlier.name,
            "purpose": earlier.purpose,
            **_databases(earlier),
            **_arguments(earlier),
        }
    )
    addressed = earlier.runs.filter(is_current=True).values_list("organization_id")
    data.setlist("organizations", [str(pk) for (pk,) in addressed])
    return data


def _databases(task: Task) -> dict[str, str]:
    return {
        name: text
        for number, database in enumerate(task.databases)
        for name, text in (
            (f"database_{number}", database["label"]),
            (f"query_{number}", database.get("query", "")),
        )
    }


def _arguments(task: Task) -> dict[str, str]:
    function = task.version.function(task.function)
    arguments = _stored_arguments(task)
    if function is None or arguments is None:
        return {}
    schema = function["arguments"]
    texts = texts_of(schema, arguments) if is_flat(schema) else None
    if texts is not None:
        return texts
    as_json = json.dumps(arguments, indent=2, ensure_ascii=False)
    return {"as": "json", "arguments_text": as_json}


def _stored_arguments(task: Task) -> dict[str, Any] | None:
    """Return the arguments, unless the input is not ours to read."""
    stored = task.inputs.order_by("pk").first()
    try:
        call = json.loads(bytes(stored.data)) if stored else None
    except ValueError:
        return None
    arguments = call.get("kwargs") if isinstance(call, dict) else None
    return arguments if isinstance(arguments, dict) else None
