from django.db import connection

# Jumps from one action to the next along the index: DISTINCT would read the table.
_ACTIONS = """
WITH RECURSIVE found(action) AS (
    SELECT min(action) FROM audit_event
    UNION ALL
    SELECT (SELECT min(action) FROM audit_event WHERE action > found.action)
    FROM found WHERE found.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL
"""


def known_actions() -> list[str]:
    """The actions that were ever recorded, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [action for (action,) in cursor.fetchall()]
