"""Where the content begins, for whoever hears a page of the administration."""

from django import template

register = template.Library()


@register.filter
def with_main(page: str) -> str:
    """Unfold's page, with the landmark that unfold leaves out."""
    return page.replace('<div id="main"', '<div id="main" role="main"', 1)
