"""The two families of errors: the caller's (Refusal) and ours (any other exception)."""

from collections.abc import Mapping, Sequence


class Refusal(Exception):
    """The caller asked for something that cannot be done, and may change the request.

    `code` is stable and documented, `detail` one sentence for a person, `errors` maps
    a field's path in the request body to what is wrong with it.
    """

    status = 400

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        errors: Mapping[str, Sequence[str]] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status or self.status
        self.errors = {field: list(texts) for field, texts in (errors or {}).items()}
        self.extra = dict(extra or {})


class Invalid(Refusal):
    """A field of the request is wrong."""

    status = 422

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(code, detail, errors={field: [detail]})


class Forbidden(Refusal):
    """The caller may see the object but not do this."""

    status = 403

    def __init__(self, detail: str = "You may not do this.") -> None:
        super().__init__("permission_denied", detail)


class Missing(Refusal):
    """Not there, or not the caller's to see: the answer is the same."""

    status = 404

    def __init__(self) -> None:
        super().__init__("not_found", "There is nothing here.")


class Conflict(Refusal):
    """The object's state does not allow it."""

    status = 409


class TooMany(Refusal):
    """The caller may, but not so often: in `wait` seconds again."""

    status = 429

    def __init__(self, detail: str, wait: int) -> None:
        super().__init__("throttled", detail)
        self.headers = {"Retry-After": str(wait)}
