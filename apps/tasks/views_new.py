"""The page of a new task: choices live in the address, sending is create_task's."""

from dataclasses import asdict, replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from apps.errors import Refusal
from apps.tasks.answers import who_sees
from apps.tasks.api import position
from apps.tasks.argument_fields import is_flat
from apps.tasks.argument_forms import JsonArguments
from apps.tasks.drafts import Draft
from apps.tasks.earlier import begin_from
from apps.tasks.forms import ArgumentsForm, TaskForm, arguments_form, show_refusal
from apps.tasks.idempotency import KeyedRequest
from apps.tasks.services import create_task
from ptm_site.pages import reader_of

LONGEST_ADDRESS = 1500  # a longer one is not safe everywhere
OF_THE_FORM = ("csrfmiddlewaretoken", "step", "key")


@require_http_methods(["GET", "HEAD", "POST"])
def new_task(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _show(request, Draft(reader_of(request), _begun(request)))
    draft = Draft(reader_of(request), request.POST)
    if request.POST.get("step") == "send":
        return _send(request, draft)
    return _go_on(request, draft)


def _begun(request: HttpRequest) -> QueryDict:
    if "from" not in request.GET:
        return request.GET
    return begin_from(reader_of(request), position(request.GET["from"]))


def _go_on(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Show the page with the choices that were just made."""
    if request.headers.get("HX-Request"):
        response = _show(request, draft)
        if request.headers.get("HX-Trigger") != "new-answers":  # which chooses nothing
            response["HX-Replace-Url"] = f"{request.path}?{draft.address}"
        return response
    typed = draft.data.copy()
    for name in OF_THE_FORM:
        typed.pop(name, None)
    if "as" in typed:
        typed["as"] = draft.typed["as"]  # the button's, not the one before
    address = typed.urlencode()
    if len(address) > LONGEST_ADDRESS:  # what was typed is sent back as it came
        return _show(request, draft)
    return redirect(f"{request.path}?{address}")


def _send(request: HttpRequest, draft: Draft) -> HttpResponse:
    form = TaskForm(draft, data=draft.data)
    arguments = arguments_form(draft, sent=True)
    # Both are asked, so that everything that is wrong is shown at once.
    fit = [form.is_valid(), arguments is not None and arguments.is_valid()]
    if arguments is None or not all(fit):
        return _render(request, draft, form, arguments, status=422)
    wanted = form.task_request(arguments.arguments())
    try:
        task, runs = create_task(
            initiator=draft.user,
            request=wanted,
            keyed=_once(form.cleaned_data["key"], asdict(wanted)),
        )
    except Refusal as refusal:
        show_refusal(refusal, form, arguments)
        return _render(request, draft, form, arguments, status=refusal.status)
    if runs:
        messages.success(request, _sent(len(wanted.organizations)))
    return redirect("task", task.pk)


def _once(page: str, wanted: dict[str, object]) -> KeyedRequest | None:
    """The same task of the same page is one task; a changed one is another."""
    keyed = KeyedRequest.read(page, "/tasks/new/", wanted)
    return keyed and replace(keyed, key=f"{page} {keyed.body_sha256}")


def _sent(sites: int) -> str:
    return f"Sent to {sites} {'site' if sites == 1 else 'sites'}."


def _show(request: HttpRequest, draft: Draft) -> HttpResponse:
    return _render(request, draft, TaskForm(draft), arguments_form(draft, sent=False))


def _render(
    request: HttpRequest,
    draft: Draft,
    form: TaskForm,
    arguments: ArgumentsForm | None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "draft": draft,
        "form": form,
        "arguments": arguments,
        "as_json": isinstance(arguments, JsonArguments),
        "flat": draft.function is not None and is_flat(draft.function["arguments"]),
        "seen_by": who_sees(draft.collaboration, draft.sender)
        if draft.collaboration
        else (),
    }
    return render(request, "tasks/new.html", context, status=status)
