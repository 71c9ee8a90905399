"""Read a YAML file that a person wrote, and say where in it something is wrong."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from ginkgo_logging.errors import ConfigError

_FAST_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: Path) -> str | None:
    """Return the text of the file at *path*, None if there is none; `ConfigError` if it cannot be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        # Without the cause, which holds the whole file, credentials included.
        raise ConfigError(f"{path}:{line}: not UTF-8: {exc.reason} 0x{data[exc.start]:02x}") from None


def parse_yaml(text: str, name: str) -> Any:
    """Return the document in *text*; a `ConfigError` gives *name* and the line of the fault."""
    try:
        return yaml.load(text, Loader=_loader_for(text))  # noqa: S506 - both are safe loaders
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        # An unquoted password may be taken for an alias or a tag, and the cause quotes the line.
        problem = re.sub(r"(undefined alias|the tag) .*", r"\1", str(exc.problem))
        raise ConfigError(f"{name}:{line}: not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigError(f"{name}: not valid YAML: {exc}") from None


def _loader_for(text: str) -> Any:
    # The loader in C is ten times as fast, and dies of a segmentation fault where the nesting is too deep.
    is_shallow = len(text) < 100_000 and sum(map(text.count, "[{-?")) < 2000
    return _FAST_LOADER if is_shallow else yaml.SafeLoader


def line_of(text: str, *keys: str) -> int | None:
    """Return the line on which the value at the path *keys* has its key, or the deepest key that exists.

    None where not even the first is there, or *text* is not YAML.
    """
    try:
        node = yaml.compose(text, Loader=_loader_for(text))
    except (yaml.YAMLError, RecursionError):
        return None
    line = None
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((k, v) for k, v in node.value if k.value == key), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
