"""The site's rules: the first that fits a task decides, and no rule is no."""

from typing import Any

import pytest
from ptm_node import policy
from ptm_node.errors import RunFailure
from ptm_node.messages import Initiator, Key, Named, Task
from ptm_node.rules import Question, decide, question_of
from ptm_node.sections import (
    Config,
    Direct,
    Limits,
    Node,
    Policy,
    Rule,
    RuleLimits,
    Server,
    Size,
)

from tests.node.conftest import StartDaemon
from tests.node.examples import assignment
from tests.node.fake_server import FakeServer

DIGEST, OTHER = ("sha256:" + letter * 64 for letter in "ab")
SUMMARY, SURVIVAL = (f"r.example/ptm/{name}" for name in ("summary", "survival"))
ASKED = Question(f"{SUMMARY}@{DIGEST}", "mean", 1, ["cancer"], 2, "ada")


DIRECT = Direct(host="db.example.org", port=5432, collaborations=[1])


def site(*rules: Rule, **changes: Any) -> Config:
    allowed = Policy(images=["r.example/ptm/*"], rules=list(rules), **changes)
    server, node = Server(url="https://x"), Node(name="x", collaborations=[1, 2])
    return Config(server, node, {}, {}, allowed, Limits())


def said(config: Config, **changes: Any) -> tuple[bool, int | None]:
    verdict = decide(config, ASKED._replace(**changes))
    return verdict.runs, verdict.rule


def run(**said: Any) -> Rule:
    return Rule(action="run", **said)


def refuse(**said: Any) -> Rule:
    return Rule(action="refuse", **said)


def test_without_rules_the_list_of_images_decides() -> None:
    assert decide(site(), ASKED).runs
    assert not decide(site(), ASKED._replace(image=f"r.example/evil@{DIGEST}")).runs


def test_with_rules_what_fits_none_is_refused() -> None:
    assert said(site(run(functions=["count"]))) == (False, None)
    assert said(site(refuse(functions=["count"]))) == (False, None)


@pytest.mark.parametrize("rule", [run(), refuse()])
def test_a_rule_that_says_nothing_fits_everything(rule: Rule) -> None:
    assert said(site(rule)) == (rule.action == "run", 1)


@pytest.mark.parametrize(
    ("fitting", "other"),
    [
        ({"collaborations": [1]}, {"collaboration": 2}),
        ({"images": [SUMMARY]}, {"image": f"{SURVIVAL}@{DIGEST}"}),
        ({"images": [f"{SUMMARY}@{DIGEST}"]}, {"image": f"{SUMMARY}@{OTHER}"}),
        ({"images": [f"r.example/*@{DIGEST}"]}, {"image": f"{SUMMARY}@{OTHER}"}),
        ({"functions": ["mean", "sum"]}, {"function": "rows"}),
        ({"databases": ["cancer"]}, {"databases": ["trauma"]}),
        ({"organizations": [2]}, {"organization": 3}),
        ({"organizations": [2]}, {"organization": None}),
        ({"users": ["ada"]}, {"user": "eve"}),
        ({"users": ["ada"]}, {"user": None}),
    ],
)
def test_a_rule_is_about_what_it_says(
    fitting: dict[str, Any], other: dict[str, Any]
) -> None:
    assert said(site(run(**fitting))) == (True, 1)
    assert said(site(run(**fitting)), **other) == (False, None)
    assert said(site(refuse(**fitting), run())) == (False, 1)
    assert said(site(refuse(**fitting), run()), **other) == (True, 2)


def test_everything_that_a_rule_says_has_to_fit() -> None:
    both = run(functions=["mean"], users=["ada"])
    assert said(site(both)) == (True, 1)
    assert said(site(both), user="eve") == said(site(both), function="rows")
    assert said(site(both), user="eve") == (False, None)


def test_an_empty_list_fits_nothing() -> None:
    assert said(site(run(users=[]))) == (False, None)


def test_what_may_run_reads_no_other_database_and_one_is_enough_to_refuse() -> None:
    two = ["cancer", "trauma"]
    assert said(site(run(databases=["cancer"])), databases=two) == (False, None)
    assert said(site(run(databases=two)), databases=["cancer"]) == (True, 1)
    assert said(site(refuse(databases=["trauma"]), run()), databases=two) == (False, 1)


def test_no_rule_lets_an_image_run_that_is_not_on_the_list() -> None:
    elsewhere = f"evil.example/x@{DIGEST}"
    rule = run(images=["evil.example/*"])
    assert said(site(rule), image=elsewhere) == (False, None)


def test_no_rule_serves_another_collaboration() -> None:
    assert said(site(run(collaborations=[9])), collaboration=9) == (False, None)


def test_it_says_which_rules_were_passed_over_and_why() -> None:
    rules = site(refuse(users=["eve"], name="not eve"), run(functions=["x"]), run())
    verdict = decide(rules, ASKED)
    assert (verdict.answer, verdict.reason) == ("run", "rule 3 allows it")
    assert verdict.rule == 3
    assert verdict.steps == (
        "rule 1 (not eve) is about other users",
        "rule 2 is about other functions",
    )


def task(**changes: Any) -> Any:
    sender = Initiator(9, "ada")
    sent = Task(4, "a task", Named(1, "any"), Named(2, "elsewhere"), sender)
    plain = {"image": ASKED.image, "function": "mean", "task": sent}
    return assignment(Key(1, 1), **{**plain, **changes})


def test_a_claimed_run_asks_what_explain_asks() -> None:
    assert question_of(task(labels=("cancer",))) == ASKED


def test_a_run_is_refused_by_the_rule_and_told_which() -> None:
    config = site(refuse(users=["ada"], name="not ada"))
    with pytest.raises(RunFailure) as refusal:
        policy.check(config, task())
    assert refusal.value.detail == "rule 1 (not ada) refuses it"
    assert (refusal.value.status, refusal.value.code) == ("rejected", "policy_refused")


def test_a_site_may_keep_its_reasons_to_itself() -> None:
    config = site(refuse(name="not ada"), share_reasons=False)
    with pytest.raises(RunFailure) as refusal:
        policy.check(config, task())
    assert refusal.value.detail == "the site does not say why"


def test_a_rule_has_its_own_terms_where_it_says_them() -> None:
    limits = RuleLimits(memory=Size(4 << 30))
    rule = run(approval="new-digest", limits=limits)
    terms = decide(site(rule, release="review", approvers=2), ASKED).terms
    said = (terms.approval, terms.release, terms.approvers)
    assert said == ("new-digest", "review", 2)
    assert (terms.limits.memory, terms.limits.pids) == (4 << 30, 128)


@pytest.mark.parametrize("share", [True, False])
def test_rules_are_told_to_the_server_only_if_the_site_shares_them(
    server: FakeServer, start: StartDaemon, share: bool
) -> None:
    rules = [{"action": "run", "name": "ours", "functions": ["mean"]}]
    start(policy={"rules": rules, "share_rules": share})
    server.wait(lambda: server.hellos)
    policy = server.hellos[-1]["announce"].get("policy")
    if share:
        assert policy["rules"][0]["functions"] == ["mean"]
        assert policy["approval"] == "never"
    else:
        assert policy is None


def with_direct(*rules: Rule) -> Config:
    """A site that has the database only as a server, which tasks may speak to."""
    return site(*rules)._replace(databases={"cancer": DIRECT})


def test_a_direct_database_needs_a_rule_that_says_so() -> None:
    assert said(with_direct()) == (False, None)  # the list of images is not enough
    assert said(with_direct(run())) == (False, None)
    assert said(with_direct(run(direct=True))) == (True, 1)
    assert said(with_direct(run(), run(direct=True))) == (True, 2)
    verdict = decide(with_direct(run(), run(name="live", direct=True)), ASKED)
    assert verdict.steps == ("rule 1 allows no direct database",)
    assert verdict.reason == "rule 2 (live) allows it"


def test_a_direct_database_is_refused_like_any_other() -> None:
    never = refuse(databases=["cancer"])
    assert said(with_direct(never, run(direct=True))) == (False, 1)


def test_other_databases_need_no_such_rule() -> None:
    assert said(with_direct(run()), databases=["trauma"]) == (True, 1)
    assert said(with_direct(run()), databases=["trauma", "cancer"]) == (False, None)
