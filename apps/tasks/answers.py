"""What a site would do with a task now, and who would see the results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.nodes.models import Node
from apps.organizations.models import Organization
from apps.tasks.authoring import suits
from apps.tasks.sites import ServingNode

VISIBLE = {
    Visibility.INITIATOR: "Only you see the results.",
    Visibility.ORGANIZATION: "Everybody at {sender} sees the results.",
    Visibility.COLLABORATION: "Everybody in {collaboration} sees the results.",
}
ALWAYS = "Each site also sees its own run and what it returned."


@dataclass(frozen=True)
class Answer:
    """`kind` is yes, waits, no or open (a choice is missing)."""

    organization: Organization
    kind: str
    reason: str = ""
    nodes: Sequence[Node] = ()


def answer_of(
    organization: Organization,
    nodes: Sequence[ServingNode],
    version: AlgorithmVersion,
    function: dict[str, Any],
    labels: Sequence[str],
) -> Answer:
    """Say whether the organization's nodes could run the function on the databases."""
    if not nodes:
        return _no(organization, "None of its nodes serves this collaboration.")
    able = [node for node in nodes if node.runs(version)]
    if not able:
        return _no(organization, f"Its nodes do not run {version.contract} images.")
    if not all(labels):
        return Answer(organization, "open", "Choose what it should read.")
    wanted = [{"label": label} for label in labels]
    fit = [node.node for node in able if suits(node.released, function, wanted)]
    if not fit:
        return _no(organization, _unsuited(able, function, labels))
    online = [node for node in fit if node.is_online]
    if online:
        return Answer(organization, "yes", nodes=online)
    return Answer(organization, "waits", nodes=fit)


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


def who_sees(
    collaboration: Collaboration, sender: Organization | None
) -> tuple[str, str]:
    """Return, in sentences, who will see the results of a task sent now."""
    named = VISIBLE[Visibility(collaboration.visibility)].format(
        sender=sender or "your organization", collaboration=collaboration
    )
    return named, ALWAYS
