"""Which attributes of an object are written as its fields, and so looked at for secrets."""

import dataclasses
import enum

# An instance of these, too, is written as what it is in JSON, whatever else it is.
_JSON_TYPES = (str, int, list, dict, enum.Enum)


def field_names(value: object) -> list[str] | None:
    """Return the names of the fields of *value*; None if it is no instance of a dataclass, or one of a JSON type.

    What else is in its ``__dict__`` (a `functools.cached_property`, an attribute set later) is no field.
    """
    kind = type(value)
    if not dataclasses.is_dataclass(kind) or issubclass(kind, (*_JSON_TYPES, type)):
        return None
    return [field.name for field in dataclasses.fields(kind)]
