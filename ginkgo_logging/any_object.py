"""What can be said of any object: the name of its class, and what of it is written as its fields."""

import dataclasses
import enum
from collections.abc import Callable

# An instance of these, too, is written as what it is in JSON, whatever else it is.
_JSON_TYPES = (str, int, list, dict, enum.Enum)

# Even where its metaclass lies about it or raises.
class_name: Callable[[type], str] = type.__dict__["__name__"].__get__


def placeholder(value: object) -> str:
    """Return what stands for an object that does not print."""
    return f"<unprintable {class_name(type(value))}>"


def field_names(value: object) -> list[str] | None:
    """Return the names of the fields of *value*; None if it is no instance of a dataclass, or one of a JSON type.

    What else is in its ``__dict__`` (a `functools.cached_property`, an attribute set later) is no field.
    """
    kind = type(value)
    if not dataclasses.is_dataclass(kind) or issubclass(kind, (*_JSON_TYPES, type)):
        return None
    return [field.name for field in dataclasses.fields(kind)]
