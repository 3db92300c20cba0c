"""What the node tells the server of its site, and nothing that the site keeps."""

from ptm_node.messages import (
    Announcement,
    Offer,
    OfferedDatabase,
    SharedPolicy,
    SharedRule,
)
from ptm_node.sections import Config, Rule
from ptm_node.site import Site


def announcement_of(site: Site) -> Announcement:
    config = site.config
    return Announcement(
        collaborations=[
            Offer(id=each, databases=_released(site, each))
            for each in config.collaborations
        ],
        contracts=["ptm"],
        runtime=site.runtime.name,
        concurrent_runs=config.limits.concurrent_runs,
        policy=shared(config) if config.policy.share_rules else None,
    )


def shared(config: Config) -> SharedPolicy:
    """As much of the policy as says whether a task would run."""
    policy = config.policy
    rules = [_rule(config, rule) for rule in policy.rules]
    return SharedPolicy(policy.images, policy.approval, rules)


def _rule(config: Config, rule: Rule) -> SharedRule:
    return SharedRule(
        action=rule.action,
        name=rule.name,
        approval=rule.approval,
        collaborations=rule.collaborations,
        databases=_names(config, rule.databases),
        images=rule.images,
        functions=rule.functions,
        organizations=rule.organizations,
        users=rule.users,
        direct=rule.direct,
    )


def _names(config: Config, labels: list[str] | None) -> list[str] | None:
    """What the databases of a rule are called in the collaborations.

    A label that has an alias wherever the database is released stays at the site.
    """
    if labels is None:
        return None
    names: dict[str, None] = {}
    for label in labels:
        database = config.databases.get(label)
        known = database.collaborations if database else []
        aliases = database.aliases if database else {}
        names.update(dict.fromkeys(aliases.get(each, label) for each in known))
        if not known:
            names[label] = None
    return list(names)


def _released(site: Site, collaboration: int) -> list[OfferedDatabase]:
    databases = site.config.databases
    return [
        OfferedDatabase(name, databases[label].seen_as, site.columns.of(label))
        for name, label in site.config.released(collaboration).items()
    ]
