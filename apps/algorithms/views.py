import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.algorithms.choices import FunctionType, VersionStatus
from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.algorithms.wording import Argument, arguments_of
from apps.collaborations.models import Collaboration
from apps.errors import Missing
from ptm_site.pages import reader_of
from ptm_site.paging import page_of


@dataclass(frozen=True)
class Function:
    """A function as its page shows it."""

    entry: dict[str, Any]
    arguments: list[Argument]
    schema: str
    usable: bool


@require_safe
def algorithm_list(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    shown = Algorithm.objects.visible_to(reader).prefetch_related(_versions(reader))
    context = {"page": page_of(shown, request.GET)}
    return render(request, "algorithms/list.html", context)


@require_safe
def algorithm_page(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    shown = Algorithm.objects.visible_to(reader).prefetch_related(_versions(reader))
    algorithm = shown.filter(pk=pk).first()
    if algorithm is None:
        raise Missing
    chosen = _chosen(algorithm.shown_versions, request.GET.get("version", ""))
    sending = Collaboration.objects.with_sender(reader)
    may_send = chosen.status == VersionStatus.ACTIVE and (
        chosen.collaborations.filter(pk__in=sending.values("pk")).exists()
    )
    context = {
        "algorithm": algorithm,
        "version": chosen,
        "functions": [
            _function(entry, may_send) for entry in chosen.manifest["functions"]
        ],
    }
    return render(request, "algorithms/algorithm.html", context)


def _versions(reader: User) -> "Prefetch[Any]":
    """The versions that the reader's collaborations allow, the newest first."""
    where = Collaboration.objects.visible_to(reader).only("name")
    versions = AlgorithmVersion.objects.visible_to(reader).order_by("-pk")
    return Prefetch(
        "versions",
        queryset=versions.prefetch_related(
            Prefetch("collaborations", queryset=where, to_attr="shown_in")
        ),
        to_attr="shown_versions",
    )


def _chosen(versions: list[AlgorithmVersion], wanted: str) -> AlgorithmVersion:
    """The version in the address; else the newest that may be used."""
    active = [v for v in versions if v.status == VersionStatus.ACTIVE]
    named = [v for v in versions if str(v.pk) == wanted]
    return [*named, *active, *versions][0]


def _function(entry: dict[str, Any], may_send: bool) -> Function:
    return Function(
        entry,
        arguments_of(entry),
        schema=json.dumps(entry["arguments"], indent=2, ensure_ascii=False),
        usable=may_send and entry["type"] == FunctionType.PARTIAL,
    )
