"""What the site's rules say of a task, on which terms, and why.

The image must be on the site's list. Where the site has rules, the first that fits
the task decides, and a task that fits none is refused. A database of type direct is
for tasks that a rule lets have it, never for the list of images alone. Nothing else is
looked at, so that `ptm-node policy explain` says beforehand what a run will meet.
"""

from typing import Literal, NamedTuple

from msgspec.structs import asdict, replace

from ptm_node.images import Image, parse_image
from ptm_node.messages import Assignment
from ptm_node.sections import (
    Approval,
    Config,
    Direct,
    Example,
    Limits,
    Policy,
    Release,
    Rule,
)


class Question(NamedTuple):
    """As much of a task as rules look at."""

    image: str
    function: str
    collaboration: int
    databases: list[str]
    organization: int | None
    user: str | None


class Terms(NamedTuple):
    """On which a task runs: who has to say yes before and after, and its limits."""

    approval: Approval
    release: Release
    approvers: int
    limits: Limits


class Verdict(NamedTuple):
    """`rule` is the number of the rule that decided, from 1; None if none did."""

    runs: bool
    reason: str
    terms: Terms
    rule: int | None = None
    steps: tuple[str, ...] = ()

    @property
    def answer(self) -> Literal["run", "ask", "refuse"]:
        if not self.runs:
            return "refuse"
        return "run" if self.terms.approval == "never" else "ask"


def question_of(assignment: Assignment) -> Question:
    task = assignment.task
    return Question(
        image=assignment.image,
        function=assignment.function,
        collaboration=task.collaboration.id,
        databases=[each.label for each in assignment.databases],
        organization=task.organization.id,
        user=task.initiator.username if task.initiator else None,
    )


def question_of_example(example: Example) -> Question:
    return Question(
        image=with_digest(example.image),
        function=example.function,
        collaboration=example.collaboration,
        databases=example.databases,
        organization=example.organization,
        user=example.user,
    )


def with_digest(image: str) -> str:
    """The image as a task names it; without a digest, a version that nobody has."""
    return image if "@" in image else f"{image}@sha256:{'0' * 64}"


def decide(config: Config, question: Question) -> Verdict:
    """Whether the site lets such a task run, and on which terms.

    Rules name databases by the site's own labels, tasks by those of a collaboration.
    """
    terms = _terms(config.policy, config.limits)
    own = config.released(question.collaboration)
    question = question._replace(databases=[own.get(n, n) for n in question.databases])
    if question.collaboration not in config.collaborations:
        return Verdict(False, "this node does not serve the collaboration", terms)
    image = parse_image(question.image)
    if image is None:
        return Verdict(False, "the image is not named by its digest", terms)
    if not any(image.matches(pattern) for pattern in config.policy.images):
        reason = f"the image {image.repository} is not on this site's list"
        return Verdict(False, reason, terms)
    direct = any(
        isinstance(config.databases.get(label), Direct) for label in question.databases
    )
    if not config.policy.rules and not direct:
        return Verdict(True, "the image is on this site's list", terms)
    return _by_rules(config.policy.rules, question, image, terms, direct=direct)


def _by_rules(
    rules: list[Rule], question: Question, image: Image, terms: Terms, *, direct: bool
) -> Verdict:
    steps: list[str] = []
    for number, rule in enumerate(rules, 1):
        misfit = _misfit(rule, question, image)
        if misfit is None and direct and rule.action == "run" and not rule.direct:
            steps.append(f"{_called(number, rule)} allows no direct database")
            continue
        if misfit is None:
            runs = rule.action == "run"
            reason = f"{_called(number, rule)} {'allows' if runs else 'refuses'} it"
            return Verdict(runs, reason, _terms_of(rule, terms), number, (*steps,))
        steps.append(f"{_called(number, rule)} is about other {misfit}")
    return Verdict(False, "no rule of this site allows it", terms, None, (*steps,))


def _terms(policy: Policy, limits: Limits) -> Terms:
    return Terms(policy.approval, policy.release, policy.approvers, limits)


def _terms_of(rule: Rule, general: Terms) -> Terms:
    """The rule's own terms, and the general ones where it is silent."""
    less = {
        name: value for name, value in asdict(rule.limits).items() if value is not None
    }
    return Terms(
        approval=rule.approval or general.approval,
        release=rule.release or general.release,
        approvers=rule.approvers or general.approvers,
        limits=replace(general.limits, **less),
    )


def _called(number: int, rule: Rule) -> str:
    return f"rule {number} ({rule.name})" if rule.name else f"rule {number}"


def _misfit(rule: Rule, question: Question, image: Image) -> str | None:
    """What of the task the rule is not about, in a word; None if it fits."""
    fits = {
        "collaborations": _names(rule.collaborations, question.collaboration),
        "images": rule.images is None or any(map(image.matches, rule.images)),
        "functions": _names(rule.functions, question.function),
        "databases": _fits_databases(rule, question.databases),
        "organizations": _names(rule.organizations, question.organization),
        "users": _names(rule.users, question.user),
    }
    return next((name for name, fit in fits.items() if not fit), None)


def _names(listed: list[int] | list[str] | None, value: object) -> bool:
    return listed is None or value in listed


def _fits_databases(rule: Rule, labels: list[str]) -> bool:
    """What may run reads nothing else; what is refused reads one of them."""
    if rule.databases is None:
        return True
    known = [label in rule.databases for label in labels]
    return all(known) if rule.action == "run" else any(known)
