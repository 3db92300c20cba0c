"""Finding what a request names, and checking its body, alike in all of the API."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from apps.errors import Forbidden, Invalid, Missing
from ptm_site.filters import MAX_ID


def found(visible: QuerySet[Any], pk: int) -> Any:
    """Return the object of an address; a foreign one is as a missing one."""
    target = visible.filter(pk=pk).first()
    if target is None:
        raise Missing
    return target


def named(visible: QuerySet[Any], pk: int, field: str) -> Any:
    """Return the object that a field of the body names, which may be foreign too."""
    target = visible.filter(pk=pk).first()
    if target is None:
        detail = f"There is no such {field}."
        raise Invalid(field, f"{field}_unknown", detail)
    return target


def require(permitted: QuerySet[Any], target: Model) -> None:
    """Refuse what is done to a visible object that is not among the permitted."""
    if not permitted.filter(pk=target.pk).exists():
        raise Forbidden


def body_of(request: Request, serializer: "type[KnownFieldsOnly]") -> dict[str, Any]:
    """Return the checked fields of the request's body."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    fields: dict[str, Any] = body.validated_data
    return fields


class IdField(serializers.IntegerField):
    """An id within a body: whether it exists is asked later, of what is visible."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class KnownFieldsOnly(serializers.Serializer[Any]):
    """Refuses what it does not know: a wish that is ignored would mislead.

    Who sends `"encrypted": true` must not believe that it was heard.
    """

    def to_internal_value(self, data: Any) -> Any:
        names = data if isinstance(data, Mapping) else ()
        # As ASCII: a name may hold what no answer can.
        unknown = [ascii(name)[1:-1][:100] for name in names if name not in self.fields]
        if unknown:
            raise serializers.ValidationError(
                {name: ["There is no such field."] for name in unknown}
            )
        return super().to_internal_value(data)
