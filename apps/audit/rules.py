"""What the database itself refuses: changing, deleting and truncating events.

Two updates pass: the worker's, which gives a number and a hash to a row that has none,
and the emptying of address and salt. There is no switch: tests, which empty their own
databases, drop the rules there and put them back where they try them.

On SQLite a migration that alters the table remakes it, and the rules go with the old
one: such a migration ends with `install` again. `verify_audit` names missing rules.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "audit_event"
LINK = ("number", "hash")
PERSONAL = ("address", "salt")
UPDATE, DELETE, TRUNCATE = (
    f"audit_event_no_{act}" for act in ("update", "delete", "truncate")
)
RULES = {
    "sqlite": (UPDATE, DELETE),
    "postgresql": (UPDATE, DELETE, TRUNCATE),
}
REFUSED = "events are never changed or deleted"

_FUNCTION = f"""
CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.number IS NULL AND OLD.hash = ''
            AND NEW.number IS NOT NULL AND NEW.hash <> ''
            AND to_jsonb(NEW) - '{{number,hash}}'::text[]
              = to_jsonb(OLD) - '{{number,hash}}'::text[]
        THEN RETURN NEW; END IF;
        IF NEW.address = '' AND NEW.salt = ''
            AND to_jsonb(NEW) - '{{address,salt}}'::text[]
              = to_jsonb(OLD) - '{{address,salt}}'::text[]
        THEN RETURN NEW; END IF;
    END IF;
    RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
_POSTGRESQL = {
    UPDATE: "BEFORE UPDATE ON audit_event FOR EACH ROW",
    DELETE: "BEFORE DELETE ON audit_event FOR EACH ROW",
    TRUNCATE: "BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put every rule in place, anew where it is there already."""
    remove(connection, RULES[connection.vendor])
    with connection.cursor() as cursor:
        for statement in _statements(connection):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper, rules: tuple[str, ...]) -> None:
    on = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for rule in rules:
            cursor.execute(f"DROP TRIGGER IF EXISTS {rule}{on}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the rules that are not in force."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass"
                " AND tgenabled IN ('O', 'A')",
                [TABLE],
            )
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
                " AND tbl_name = %s",
                [TABLE],
            )
        there = {name for (name,) in cursor.fetchall()}
    return [rule for rule in RULES[connection.vendor] if rule not in there]


def _statements(connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor == "postgresql":
        run = "EXECUTE FUNCTION audit_event_refuse()"
        triggers = [
            f"CREATE TRIGGER {rule} {when} {run}" for rule, when in _POSTGRESQL.items()
        ]
        return [_FUNCTION, *triggers]
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    links = (
        "OLD.number IS NULL AND OLD.hash = ''"
        " AND NEW.number IS NOT NULL AND NEW.hash <> ''"
        f" AND {_same_but(connection, LINK)}"
    )
    empties = (
        f"NEW.address = '' AND NEW.salt = '' AND {_same_but(connection, PERSONAL)}"
    )
    return [
        f"CREATE TRIGGER {UPDATE} BEFORE UPDATE ON {TABLE}"
        f" WHEN NOT (({links}) OR ({empties})) {refuse}",
        f"CREATE TRIGGER {DELETE} BEFORE DELETE ON {TABLE} {refuse}",
    ]


def _same_but(connection: BaseDatabaseWrapper, changing: tuple[str, ...]) -> str:
    """SQL for "no other column changes", of the columns that the table has now."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, TABLE)
    kept = [column.name for column in found if column.name not in changing]
    return " AND ".join(f'NEW."{name}" IS OLD."{name}"' for name in kept)
