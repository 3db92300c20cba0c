"""What the node tells the server of its site, and nothing that the site keeps."""

from ptm_node.messages import (
    Announcement,
    Offer,
    OfferedDatabase,
    SharedPolicy,
    SharedRule,
)
from ptm_node.sections import Config, Policy, Rule
from ptm_node.site import Site


def announcement_of(site: Site) -> Announcement:
    config = site.config
    return Announcement(
        collaborations=[
            Offer(id=each, databases=_released(config, each))
            for each in config.collaborations
        ],
        contracts=["ptm"],
        runtime=site.runtime.name,
        concurrent_runs=config.limits.concurrent_runs,
        policy=shared(config.policy) if config.policy.share_rules else None,
    )


def shared(policy: Policy) -> SharedPolicy:
    """As much of the policy as says whether a task would run."""
    return SharedPolicy(policy.images, policy.approval, list(map(_rule, policy.rules)))


def _rule(rule: Rule) -> SharedRule:
    return SharedRule(
        action=rule.action,
        name=rule.name,
        approval=rule.approval,
        collaborations=rule.collaborations,
        databases=rule.databases,
        images=rule.images,
        functions=rule.functions,
        organizations=rule.organizations,
        users=rule.users,
    )


def _released(config: Config, collaboration: int) -> list[OfferedDatabase]:
    return [
        OfferedDatabase(label, database.seen_as)
        for label, database in config.databases.items()
        if collaboration in database.collaborations
    ]
