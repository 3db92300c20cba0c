"""What the task's page shows of its results; tasks lie below and cannot know them."""

from django import template
from django.template.context import RequestContext

from apps.results.charts import exhibits
from apps.results.of_task import results_of
from apps.tasks.models import Task
from ptm_site.pages import reader_of

register = template.Library()


@register.inclusion_tag("results/of_task.html", takes_context=True)
def task_results(context: RequestContext, task: Task) -> dict[str, object]:
    request = context["request"]
    found = results_of(task, reader_of(request))
    return {
        "task": task,
        "request": request,
        "found": found,
        "exhibits": exhibits(found.tables()),
    }
