"""Who does something: a plain value, so that audit knows no other app."""

from dataclasses import dataclass

from apps.audit.choices import ActorKind


@dataclass(frozen=True)
class Actor:
    kind: ActorKind
    id: int | None = None

    @classmethod
    def user(cls, user_id: int) -> "Actor":
        return cls(ActorKind.USER, user_id)

    @classmethod
    def node(cls, node_id: int) -> "Actor":
        return cls(ActorKind.NODE, node_id)


SYSTEM = Actor(ActorKind.SYSTEM)
