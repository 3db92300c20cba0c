"""What the task's page shows of its results; tasks lie below and cannot know them."""

from django import template
from django.template.context import RequestContext

from apps.tasks.models import Task

register = template.Library()


@register.inclusion_tag("results/of_task.html", takes_context=True)
def task_results(context: RequestContext, task: Task) -> dict[str, object]:
    return {"task": task, "request": context["request"]}
