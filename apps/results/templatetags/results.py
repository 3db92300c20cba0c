"""What the task's page shows of its results; tasks lie below and cannot know them."""

from django import template
from django.template.context import RequestContext

from apps.audit.actors import Actor
from apps.results.charts import exhibits
from apps.results.of_task import results_of
from apps.results.services import record_views
from apps.tasks.models import Task
from ptm_site.pages import reader_of

register = template.Library()


@register.inclusion_tag("results/of_task.html", takes_context=True)
def task_results(context: RequestContext, task: Task) -> dict[str, object]:
    request = context["request"]
    reader = reader_of(request)
    found = results_of(task, reader)
    shown = exhibits(found.tables())
    if shown and request.method != "HEAD":
        record_views(actor=Actor.user(reader.pk), results=found.read)
    return {"task": task, "request": request, "found": found, "exhibits": shown}
