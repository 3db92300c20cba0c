"""A task that is being put together: the choices so far, and those still open.

A draft reads an address or a form and never fails: what is unknown is not chosen, and
where there is only one possibility it is chosen already.
"""

from collections import Counter
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Q
from django.http import QueryDict

from apps.accounts.models import User
from apps.algorithms.choices import FunctionType
from apps.algorithms.column_names import Named, names_columns
from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.models import Collaboration, Study
from apps.collaborations.policy import why_closed
from apps.organizations.models import Organization
from apps.tasks.answers import Answer, Asked, answer_of
from apps.tasks.api import position
from apps.tasks.argument_forms import typed_arguments
from apps.tasks.authoring import active_versions
from apps.tasks.columns import columns_asked
from apps.tasks.draft_parts import ColumnOffer, Need, Site
from apps.tasks.parties import sending_organizations
from apps.tasks.sites import ServingNode, serving_nodes

Chosen = TypeVar("Chosen", Collaboration, Organization, AlgorithmVersion)


class Draft:
    def __init__(self, user: User, data: QueryDict) -> None:
        self.user = user
        self.data = data
        self.typed = {name: str(text) for name, text in data.items()}

    @cached_property
    def collaborations(self) -> list[Collaboration]:
        """Those that go on; an archived one where it is named, to say that it is."""
        may = Collaboration.objects.with_sender(self.user)
        shown = may.filter(Q(archived_at=None) | Q(pk=self._number("collaboration")))
        return list(shown.order_by("name"))

    @cached_property
    def collaboration(self) -> Collaboration | None:
        return self._one("collaboration", self.collaborations)

    @property
    def closed(self) -> str:
        """Why the collaboration takes no new task, if it takes none."""
        found = why_closed(self.collaboration) if self.collaboration else None
        return found[1] if found else ""

    @cached_property
    def studies(self) -> list[Study]:
        if self.collaboration is None:
            return []
        going_on = self.collaboration.studies.going_on().order_by("name")
        return list(going_on.prefetch_related("organizations"))

    @cached_property
    def study(self) -> Study | None:
        """The one that is named: a task needs none."""
        wanted = self._number("study")
        return next((study for study in self.studies if study.pk == wanted), None)

    @cached_property
    def senders(self) -> list[Organization]:
        if self.collaboration is None:
            return []
        return sending_organizations(self.user, self.collaboration)

    @cached_property
    def sender(self) -> Organization | None:
        return self._one("organization", self.senders)

    @cached_property
    def versions(self) -> list[AlgorithmVersion]:
        if self.collaboration is None:
            return []
        versions = active_versions(self.collaboration).select_related("algorithm")
        return list(versions.order_by("algorithm__name", "-pk"))

    @cached_property
    def version(self) -> AlgorithmVersion | None:
        return self._one("version", self.versions)

    @cached_property
    def functions(self) -> list[dict[str, Any]]:
        return self.version.manifest["functions"] if self.version else []

    @cached_property
    def function(self) -> dict[str, Any] | None:
        partial = [f for f in self.functions if f["type"] == FunctionType.PARTIAL]
        wanted = self.data.get("function", "")
        named = [f for f in partial if f["name"] == wanted]
        found = named or (partial if len(partial) == 1 else [])
        return found[0] if found else None

    @property
    def names_columns(self) -> bool:
        return self.function is not None and names_columns(self.function["arguments"])

    @cached_property
    def columns(self) -> ColumnOffer | None:
        """What the arguments may name; None if they name no columns."""
        if not (self.names_columns and self.chosen and all(self.labels)):
            return None
        return ColumnOffer.of(self.chosen, self.labels)

    @cached_property
    def sites(self) -> list[Site]:
        """The organizations of the collaboration, each with its serving nodes."""
        if self.collaboration is None:
            return []
        accepted = self.collaboration.participations.accepted()
        members = Organization.objects.filter(participations__in=accepted)
        if self.study is not None:
            members = members.filter(studies=self.study)
        organizations = list(members.order_by("name"))
        serving = serving_nodes(
            self.collaboration, organizations, with_columns=self.names_columns
        )
        return [
            Site(o, nodes, self._is_chosen(o, nodes))
            for o in organizations
            for nodes in [serving.get(o.pk, [])]
        ]

    def _is_chosen(self, organization: Organization, nodes: list[ServingNode]) -> bool:
        """As said; before anything is said, every site that could run it."""
        if self._says_organizations:
            return str(organization.pk) in self.data.getlist("organizations")
        return self.function is not None and any(map(self._could_run, nodes))

    @property
    def _says_organizations(self) -> bool:
        # A form without ticks sends no organizations; `asked` says that it had them.
        asked = self.data.get("asked")
        if asked is None or self.collaboration is None:
            return "organizations" in self.data
        return asked == self.asked

    @property
    def asked(self) -> str:
        """Of what the shown organizations are: another choice begins anew."""
        parts = (self.collaboration, self.study)
        return "-".join(str(part.pk) for part in parts if part is not None)

    def _could_run(self, node: ServingNode) -> bool:
        if self.version is None or self.function is None:
            return False
        released = set(node.released.values())
        needs = self.function["databases"]
        return node.runs(self.version) and all(
            released & set(need["types"]) for need in needs
        )

    @cached_property
    def chosen(self) -> list[Site]:
        return [site for site in self.sites if site.chosen]

    @cached_property
    def needs(self) -> list[Need]:
        wanted = self.function["databases"] if self.function else []
        return [self._need(number, need) for number, need in enumerate(wanted)]

    def _need(self, number: int, need: dict[str, Any]) -> Need:
        offered: Counter[str] = Counter()
        for site in self.chosen:
            offered.update(
                {label for label, type_ in site.databases if type_ in need["types"]}
            )
        said = self.data.get(f"database_{number}", "").strip()
        everywhere = [label for label, n in offered.items() if n == len(self.chosen)]
        only = everywhere if len(everywhere) == 1 else list(offered)
        label = said if said in offered or not offered else ""
        return Need(
            number=number,
            description=need.get("description", ""),
            types=" or ".join(need["types"]),
            offered=dict(sorted(offered.items())),
            asked=len(self.chosen),
            label=label or (only[0] if len(only) == 1 else ""),
            query=self.data.get(f"query_{number}", "").strip(),
        )

    @cached_property
    def labels(self) -> list[str]:
        return [need.label for need in self.needs]

    @cached_property
    def answers(self) -> list[Answer]:
        if not (self.collaboration and self.version and self.function):
            return []
        asked = Asked(
            version=self.version,
            function=self.function,
            labels=self.labels,
            collaboration=self.collaboration,
            sender=self.sender,
            user=self.user,
            columns=self._columns_asked(self.function),
        )
        return [answer_of(site.organization, site.nodes, asked) for site in self.chosen]

    def _columns_asked(self, function: dict[str, Any]) -> list[Named]:
        typed = typed_arguments(function["arguments"], self.typed)
        own = [{"query": need.query} for need in self.needs if need.query]
        return columns_asked(function, typed, own)

    @property
    def refused(self) -> int:
        """How many of the chosen sites cannot run it."""
        return sum(answer.kind == "no" for answer in self.answers)

    @property
    def ready(self) -> int:
        """How many of the chosen sites would run it now."""
        return sum(answer.kind == "yes" for answer in self.answers)

    @cached_property
    def address(self) -> str:
        """The choices as a query string: the same page again, and a link to share."""
        query = QueryDict(mutable=True)
        for name in ("collaboration", "sender", "version"):
            if (chosen := getattr(self, name)) is not None:
                query["organization" if name == "sender" else name] = str(chosen.pk)
        if self.study is not None:
            query["study"] = str(self.study.pk)
        if self.function is not None and self.collaboration is not None:
            query["function"] = self.function["name"]
            query["asked"] = self.asked
            query.setlist(
                "organizations", [str(s.organization.pk) for s in self.chosen]
            )
        for need in self.needs:
            query[need.field] = need.label
        return query.urlencode()

    def _number(self, name: str) -> int | None:
        return position(self.data.get(name, ""))

    def _one(self, name: str, possible: list[Chosen]) -> Chosen | None:
        """Return the possibility that the data names, or the only one."""
        wanted = self.data.get(name, "")
        named = [thing for thing in possible if str(thing.pk) == wanted]
        found = named or (possible if len(possible) == 1 else [])
        return found[0] if found else None
