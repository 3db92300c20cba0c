"""Reads the portal's pages as a person would: words and links, not markup."""

import html
import re
from typing import Any

from django.test import Client

from apps.accounts.models import User
from tests.worlds import World


def browser(world: World, person: str = "alice") -> Client:
    """A browser in which this person has signed in."""
    return browser_of(world.people[person])


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def words(answer: Any) -> str:
    """What stands on the page, without its header and footer, in one line."""
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    bare = re.sub(r"<[^>]*>", " ", main.partition(">")[2])
    line = re.sub(r"\s+", " ", html.unescape(bare)).strip()
    return re.sub(r" (?=[.,;:”])|(?<=“) ", "", line)


def links(answer: Any) -> set[str]:
    """Where the links of the page itself lead to."""
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return {
        html.unescape(href) for href in re.findall(r'<a [^>]*?href="([^"]*)"', main)
    }
