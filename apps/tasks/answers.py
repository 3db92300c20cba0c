"""What a site would do with a task now, and who would see the results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.accounts.models import User
from apps.algorithms.column_names import Named
from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.nodes.choices import DatabaseType
from apps.nodes.models import Node
from apps.nodes.site_policy import Forecast, Question, forecast
from apps.organizations.models import Organization
from apps.tasks.authoring import suits
from apps.tasks.columns import having, lacking
from apps.tasks.sites import ServingNode

VISIBLE = {
    Visibility.INITIATOR: "Only you see the results.",
    Visibility.ORGANIZATION: "Everybody at {sender} sees the results.",
    Visibility.COLLABORATION: "Everybody in {collaboration} sees the results.",
}
NAMED = 5  # columns, of those that a site lacks
ALWAYS = "Each site also sees its own run and what it returned."


@dataclass(frozen=True)
class Asked:
    """What is asked of every site alike."""

    version: AlgorithmVersion
    function: dict[str, Any]
    labels: Sequence[str]
    collaboration: Collaboration
    sender: Organization | None
    user: User
    columns: Sequence[Named] = ()

    def question(self, *, direct: bool) -> Question:
        return Question(
            repository=self.version.algorithm.repository,
            digest=self.version.digest,
            function=self.function["name"],
            collaboration=self.collaboration.pk,
            databases=list(self.labels),
            organization=self.sender.pk if self.sender else 0,
            user=self.user.username,
            direct=direct,
        )


@dataclass(frozen=True)
class Answer:
    """`kind` is yes, waits (for a node), asks (its people), refuses (by its rules),
    no (it could not) or open (a choice is missing).
    """

    organization: Organization
    kind: str
    reason: str = ""
    nodes: Sequence[Node] = ()


def answer_of(
    organization: Organization, nodes: Sequence[ServingNode], asked: Asked
) -> Answer:
    """Say whether the organization's nodes could run it, and by their rules would."""
    if not nodes:
        return _no(organization, "None of its nodes serves this collaboration.")
    able = [node for node in nodes if node.runs(asked.version)]
    if not able:
        contract = asked.version.contract
        return _no(organization, f"Its nodes do not run {contract} images.")
    if not all(asked.labels):
        return Answer(organization, "open", "Choose what it should read.")
    wanted = [{"label": label} for label in asked.labels]
    fit = [n for n in able if suits(n.released, asked.function, wanted)]
    if not fit:
        return _no(organization, _unsuited(able, asked.function, asked.labels))
    if lacks := lacking(fit, asked.labels, asked.columns):
        return _no(organization, _without(lacks))
    whole = having(fit, asked.labels, asked.columns)
    return _by_rules(organization, whole, asked)


def _by_rules(
    organization: Organization, nodes: Sequence[ServingNode], asked: Asked
) -> Answer:
    """The best that any node's shared rules say; who shares none is not foretold."""
    said = {each.node: _said(each, asked) for each in nodes}
    willing = [node for node in said if said[node].answer != "refuse"]
    if not willing:
        return Answer(organization, "refuses", said[nodes[0].node].reason)
    for answer, kind in (("run", "yes"), ("ask", "asks")):
        there = [n for n in willing if n.is_online and said[n].answer == answer]
        if there:
            return Answer(organization, kind, said[there[0]].reason, there)
    return Answer(organization, "waits", nodes=willing)


def _said(serving: ServingNode, asked: Asked) -> Forecast:
    policy = serving.node.policy
    if not policy:
        return Forecast("run", "")
    types = [serving.released.get(label) for label in asked.labels]
    return forecast(policy, asked.question(direct=DatabaseType.DIRECT in types))


def _no(organization: Organization, reason: str) -> Answer:
    return Answer(organization, "no", reason)


def _unsuited(
    able: Sequence[ServingNode], function: dict[str, Any], labels: Sequence[str]
) -> str:
    for label, needed in zip(labels, function["databases"], strict=True):
        found = sorted({n.released[label] for n in able if label in n.released})
        types = " or ".join(needed["types"])
        if not found:
            return f"It does not release {label} to this collaboration."
        if not set(found) & set(needed["types"]):
            return f"Its {label} is {' and '.join(found)}; the function reads {types}."
    return f"No single node of it releases {' and '.join(labels)}."


def _without(lacks: Sequence[Named]) -> str:
    """The first of them: a long list helps nobody who mistook the table."""
    names = list(dict.fromkeys(named.name[:200] for named in lacks))
    more = f", nor {len(names) - NAMED} others" if len(names) > NAMED else ""
    return f"It has no column {', '.join(names[:NAMED])}{more}."


def who_sees(
    collaboration: Collaboration, sender: Organization | None
) -> tuple[str, str]:
    """Return, in sentences, who will see the results of a task sent now."""
    named = VISIBLE[Visibility(collaboration.visibility)].format(
        sender=sender or "your organization", collaboration=collaboration
    )
    return named, ALWAYS
