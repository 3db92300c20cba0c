"""The files of members that are sent to the doors of imports."""

from collections.abc import Callable

from tests.rights.stage import Things


def members(things: Things) -> str:
    """Members as CSV: one new person."""
    lines = (
        "username,organization,role",
        f"somebody-new,{things['site_name']},viewer",
    )
    return "\r\n".join(lines)


def parties(things: Things) -> str:
    """Members of a collaboration as CSV: one is invited."""
    lines = (
        "collaboration,organization",
        f"{things['collaboration_name']},{things['organization_name']}",
    )
    return "\r\n".join(lines)


# By the name of the route: of the administration a form, of the API the file alone.
FILES: dict[str, Callable[[Things], str]] = {
    "organizations_membership_import": members,
    "members-import": members,
    "collaborations_participation_import": parties,
    "participations-import": parties,
}
