"""Read Alloy's configuration: blocks, attributes and values; and refuse arguments that a block does not have."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_LEX = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<op>[{}\[\](),=+])""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS = {"true": True, "false": False, "null": None}

ARGUMENTS = {
    "discovery.docker": "host refresh_interval",
    "discovery.docker filter": "name values",
    "discovery.kubernetes": "role",
    "discovery.kubernetes selectors": "role label field",
    "discovery.relabel": "targets",
    "discovery.relabel rule": "action modulus regex replacement separator source_labels target_label",
    "loki.relabel": "forward_to max_cache_size",
    "loki.relabel rule": "action modulus regex replacement separator source_labels target_label",
    "loki.source.docker": "host targets relabel_rules refresh_interval forward_to labels",
    "loki.source.file": "targets forward_to encoding on_positions_file_error tail_from_end",
    "loki.source.file file_match": "enabled ignore_older_than sync_period",
    "loki.source.kubernetes": "targets forward_to",
    "loki.process": "forward_to",
    "loki.process stage.json": "expressions source drop_malformed",
    "loki.process stage.labels": "values source_type",
    "loki.process stage.static_labels": "values",
    "loki.process stage.structured_metadata": "values regex",
    "loki.process stage.template": "source template",
    "loki.process stage.timestamp": (
        "source format action_on_failure action_on_duplicate_timestamp fallback_formats location"
    ),
    "loki.process stage.truncate": "",
    "loki.process stage.truncate rule": "limit suffix sources source_type",
    "loki.write": "external_labels max_streams",
    "loki.write endpoint": (
        "url name batch_size batch_wait headers max_backoff_period max_backoff_retries min_backoff_period "
        "remote_timeout retry_on_http_429 tenant_id"
    ),
    "loki.write wal": "enabled max_segment_age min_read_frequency max_read_frequency drain_timeout",
}
"""The blocks that deploy/ uses, as Alloy's reference of 1.18 has them, with the names of their arguments."""


@dataclass(frozen=True)
class Reference:
    """What another component exports, or a function called with *arguments*."""

    name: str
    arguments: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Block:
    """A component or a block within one."""

    name: str
    label: str
    attributes: dict[str, Any] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    def all(self, name: str) -> list["Block"]:
        """Return the blocks of that name within."""
        return [block for block in self.blocks if block.name == name]

    def one(self, name: str) -> "Block":
        """Return the only block of that name within."""
        (block,) = self.all(name)
        return block


class AlloyError(ValueError):
    """Alloy would not load this."""


def read(text: str) -> list[Block]:
    """Return the components of a file; raise `AlloyError` for a fault of syntax or an unknown argument."""
    parser = _Parser(text)
    _, blocks = parser.body("")
    for block in blocks:
        _check(block, block.name)
    return blocks


def component(blocks: list[Block], name: str, label: str) -> Block:
    """Return the component of that name and label."""
    (found,) = [block for block in blocks if (block.name, block.label) == (name, label)]
    return found


def _check(block: Block, path: str) -> None:
    if path not in ARGUMENTS:
        raise AlloyError(f"no block {path}")
    unknown = block.attributes.keys() - set(ARGUMENTS[path].split())
    if unknown:
        raise AlloyError(f"{path} has no argument {', '.join(sorted(unknown))}")
    root = path.partition(" ")[0]
    for inner in block.blocks:
        _check(
            inner, f"{root} stage.truncate rule" if block.name == "stage.truncate" else f"{root} {inner.name}"
        )


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _LEX.match(text, at)
            if match is None:
                raise AlloyError(f"unexpected {text[at]!r} in line {text.count(chr(10), 0, at) + 1}")
            if match.lastgroup != "space":
                self._tokens.append((str(match.lastgroup), match[0]))
            at = match.end()
        self._tokens.append(("end", ""))
        self._next = 0

    def _take(self, kind: str, text: str | None = None) -> str | None:
        found, value = self._tokens[self._next]
        if found != kind or text not in (None, value):
            return None
        self._next += 1
        return value

    def _need(self, kind: str, text: str | None = None) -> str:
        value = self._take(kind, text)
        if value is None:
            raise AlloyError(f"unexpected {self._tokens[self._next][1]!r}, expecting {text or kind}")
        return value

    def body(self, end: str) -> tuple[dict[str, Any], list[Block]]:
        """Parse what stands between the braces of a block, or in a file."""
        attributes: dict[str, Any] = {}
        blocks: list[Block] = []
        while self._take("op" if end else "end", end) is None:
            name = self._need("name")
            if self._take("op", "="):
                attributes[name] = self._value()
                continue
            label = json.loads(self._take("string") or '""')
            self._need("op", "{")
            blocks.append(Block(name, label, *self.body("}")))
        return attributes, blocks

    def _value(self) -> Any:
        value = self._term()
        while self._take("op", "+"):
            value = Reference("+", (value, self._term()))
        return value

    def _term(self) -> Any:
        if (text := self._take("string")) is not None:
            return json.loads(text)
        if (text := self._take("number")) is not None:
            return float(text) if "." in text else int(text)
        if self._take("op", "["):
            return self._list("]")
        if self._take("op", "{"):
            return self._object()
        name = self._need("name")
        if self._take("op", "("):
            return Reference(name, tuple(self._list(")")))
        return _CONSTANTS[name] if name in _CONSTANTS else Reference(name)

    def _list(self, end: str) -> list[Any]:
        values = []
        while not self._take("op", end):
            values.append(self._value())
            if not self._take("op", ","):
                self._need("op", end)
                break
        return values

    def _object(self) -> dict[str, Any]:
        values = {}
        while not self._take("op", "}"):
            key = self._take("string")
            name = self._need("name") if key is None else json.loads(key)
            self._need("op", "=")
            values[name] = self._value()
            if not self._take("op", ","):
                self._need("op", "}")
                break
        return values
