"""The server foretells what a site's rules say; the node is the one that is right."""

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from ptm_node import announcing
from ptm_node.rules import Question, decide
from ptm_node.sections import (
    Config,
    Database,
    Direct,
    Limits,
    Node,
    Policy,
    Rule,
    Server,
)

from apps.nodes import site_policy

DIGESTS = [f"sha256:{letter * 64}" for letter in "ab"]
REPOSITORIES = ["r.example/ptm/summary", "r.example/ptm/mean", "other/x"]
LABELS = ["default", "lung"]
PATTERNS = ["*", "r.example/*", REPOSITORIES[0], f"{REPOSITORIES[1]}@{DIGESTS[0]}"]


def some(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(st.sampled_from(values), max_size=2)


APPROVALS = st.sampled_from(["never", "new-digest", "always"])
RULES = st.builds(
    Rule,
    action=st.sampled_from(["run", "refuse"]),
    name=st.sampled_from(["", "ours"]),
    approval=st.none() | APPROVALS,
    collaborations=some([1, 2]),
    databases=some(LABELS),
    images=some(PATTERNS),
    functions=some(["mean", "sum"]),
    organizations=some([1, 2]),
    users=some(["ada", "eve"]),
    direct=st.booleans(),
)
POLICIES = st.builds(
    Policy,
    images=st.lists(st.sampled_from(PATTERNS), max_size=3),
    approval=APPROVALS,
    rules=st.lists(RULES, max_size=4),
)
QUESTIONS = st.builds(
    site_policy.Question,
    repository=st.sampled_from(REPOSITORIES),
    digest=st.sampled_from(DIGESTS),
    function=st.sampled_from(["mean", "sum"]),
    collaboration=st.sampled_from([1, 2]),
    databases=st.lists(st.sampled_from(LABELS), unique=True),
    organization=st.sampled_from([1, 2]),
    user=st.sampled_from(["ada", "eve"]),
    direct=st.booleans(),
)
DIRECT = Direct(host="db.example.org", port=5432, collaborations=[1, 2])


@settings(max_examples=500, deadline=None)
@given(policy=POLICIES, asked=QUESTIONS)
def test_the_server_foretells_what_the_node_decides(
    policy: Policy, asked: site_policy.Question
) -> None:
    node = Node(name="x", collaborations=[1, 2])
    databases: dict[str, Database] = {
        label: DIRECT for label in asked.databases if asked.direct
    }
    asked = replace(asked, direct=bool(databases))
    config = Config(Server(url="https://x"), node, {}, databases, policy, Limits())
    announced = msgspec.to_builtins(announcing.shared(config))
    taken = site_policy.PolicySerializer(data=announced)
    taken.is_valid(raise_exception=True)
    said = site_policy.forecast(taken.validated_data, asked)

    image = f"{asked.repository}@{asked.digest}"
    verdict = decide(
        config,
        Question(
            image,
            asked.function,
            asked.collaboration,
            asked.databases,
            asked.organization,
            asked.user,
        ),
    )
    assert (said.answer, said.reason) == (verdict.answer, verdict.reason)
