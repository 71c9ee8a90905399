"""Check arguments that come from a YAML file or a program: a wrong one is refused where it is given."""


def boolean(name: str, value: object) -> bool:
    """Return *value*; ValueError, naming the argument, unless it is true or false: the text "no" is neither."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")  # noqa: TRY004 - one kind of refusal
    return value


def whole_number(name: str, value: object, *, least: int) -> int:
    """Return *value*; ValueError, naming the argument, unless it is a whole number from *least*."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number from {least}, got {value!r}")
    return value
