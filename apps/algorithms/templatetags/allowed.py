"""What a collaboration's page shows of the algorithms that it allows."""

from itertools import groupby

from django import template
from django.template.context import RequestContext

from apps.algorithms.choices import VersionStatus
from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.collaborations.models import Collaboration
from ptm_site.pages import reader_of

register = template.Library()


@register.inclusion_tag("algorithms/allowed.html", takes_context=True)
def allowed_in(
    context: RequestContext, collaboration: Collaboration
) -> dict[str, object]:
    """Each algorithm once, with the versions that may run, the newest first."""
    versions = AlgorithmVersion.objects.filter(
        collaborations=collaboration, status=VersionStatus.ACTIVE
    )
    rows = versions.select_related("algorithm").order_by(
        "algorithm__name", "algorithm", "-pk"
    )
    by_algorithm = groupby(rows.defer("manifest"), key=lambda row: row.algorithm)
    found = [(algorithm, list(some)) for algorithm, some in by_algorithm]
    # Who is only invited reads the names; the pages are for those who take part.
    visible = Algorithm.objects.visible_to(reader_of(context["request"]))
    here = visible.filter(pk__in=[algorithm.pk for algorithm, _ in found])
    return {"algorithms": found, "visible": set(here.values_list("pk", flat=True))}
