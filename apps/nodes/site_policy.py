"""What a site's shared rules would say of a task, before it is sent.

A forecast, no more: the node asks its own rules in the end (ptm_node.rules, to which a
test compares this word by word), and only these hold.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from rest_framework import serializers

from apps.nodes.choices import LABEL
from ptm_site.filters import MAX_ID

Policy = dict[str, Any]
AT_MOST = 200


@dataclass(frozen=True)
class Question:
    """As much of a task as rules look at."""

    repository: str
    digest: str
    function: str
    collaboration: int
    databases: list[str]
    organization: int
    user: str
    direct: bool = False  # whether the site has one of the databases as direct


@dataclass(frozen=True)
class Forecast:
    answer: Literal["run", "ask", "refuse"]
    reason: str


def _listed(child: serializers.Field[Any, Any, Any, Any]) -> serializers.ListField:
    return serializers.ListField(
        child=child, max_length=AT_MOST, allow_null=True, default=None
    )


def _number() -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=MAX_ID)


def _text() -> serializers.CharField:
    return serializers.CharField(max_length=300)


class RuleSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=("run", "refuse"))
    name = serializers.CharField(max_length=200, allow_blank=True, default="")
    approval = serializers.ChoiceField(
        choices=("never", "new-digest", "always"), allow_null=True, default=None
    )
    collaborations = _listed(_number())
    databases = _listed(serializers.RegexField(LABEL))
    images = _listed(_text())
    functions = _listed(_text())
    organizations = _listed(_number())
    users = _listed(_text())
    direct = serializers.BooleanField(default=False)


class PolicySerializer(serializers.Serializer[Any]):
    """The rules that a site shares; a site that shares none sends none."""

    images = serializers.ListField(child=_text(), max_length=AT_MOST)
    approval = serializers.ChoiceField(choices=("never", "new-digest", "always"))
    rules = serializers.ListField(child=RuleSerializer(), max_length=AT_MOST)


def forecast(policy: Policy, question: Question) -> Forecast:
    """Whether the site would run the task, ask its people first, or refuse."""
    if not any(_matches(pattern, question) for pattern in policy["images"]):
        reason = f"the image {question.repository} is not on this site's list"
        return Forecast("refuse", reason)
    if not policy["rules"] and not question.direct:
        reason = "the image is on this site's list"
        return Forecast(_unless_refused(policy["approval"]), reason)
    for number, rule in enumerate(policy["rules"], 1):
        if _fits(rule, question):
            called = (
                f"rule {number} ({rule['name']})" if rule["name"] else f"rule {number}"
            )
            if rule["action"] == "refuse":
                return Forecast("refuse", f"{called} refuses it")
            approval = rule["approval"] or policy["approval"]
            return Forecast(_unless_refused(approval), f"{called} allows it")
    return Forecast("refuse", "no rule of this site allows it")


def _unless_refused(approval: str) -> Literal["run", "ask"]:
    return "run" if approval == "never" else "ask"


def _fits(rule: dict[str, Any], question: Question) -> bool:
    return (
        _names(rule["collaborations"], question.collaboration)
        and (
            rule["images"] is None
            or any(_matches(pattern, question) for pattern in rule["images"])
        )
        and _names(rule["functions"], question.function)
        and _fits_databases(rule, question.databases)
        and _names(rule["organizations"], question.organization)
        and _names(rule["users"], question.user)
        and (not question.direct or rule["action"] == "refuse" or _may(rule))
    )


def _may(rule: dict[str, Any]) -> bool:
    """Nodes before these databases were known say nothing of them."""
    return bool(rule.get("direct"))


def _names(listed: list[Any] | None, value: object) -> bool:
    return listed is None or value in listed


def _fits_databases(rule: dict[str, Any], labels: list[str]) -> bool:
    """What may run reads nothing else; what is refused reads one of them."""
    if rule["databases"] is None:
        return True
    known = [label in rule["databases"] for label in labels]
    return all(known) if rule["action"] == "run" else any(known)


def _matches(pattern: str, question: Question) -> bool:
    repository, _, digest = pattern.partition("@")
    named = fnmatchcase(question.repository, repository)
    return named and digest in ("", question.digest)
