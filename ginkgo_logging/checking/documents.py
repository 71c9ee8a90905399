"""A YAML document whose every key still knows its line."""

from collections.abc import Iterator
from typing import Any

import yaml

from ginkgo_logging.checking.findings import Path, Report

# The loader in C is faster, and dies of a segmentation fault where the nesting is too deep.
_LOADER = yaml.SafeLoader
_MERGE = "tag:yaml.org,2002:merge"


class Document:
    """The value of a YAML text, and the lines of its keys."""

    def __init__(self, value: Any, node: yaml.Node | None) -> None:
        self.value = value
        self._node = node

    def line(self, path: Path) -> int | None:
        """Return the line of the key at *path*, or of its nearest parent that is in the file."""
        node, line = self._node, 1
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line


def parse(text: str, report: Report) -> Document | None:
    """Return the document in *text*; *report* gets its faults and its duplicate keys, and then its lines.

    None means that there is no document to look into any further.
    """
    try:
        loader = _LOADER(text)
        node = loader.get_single_node()
        if node is None:
            document = Document(None, None)
        elif _has_bad_scalars(node, report):
            return None
        else:
            document = Document(loader.construct_document(node), node)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        context = f" ({exc.context})" if exc.context else ""
        report.error((), f"not valid YAML: {exc.problem}{context}", line=mark.line + 1 if mark else 1)
        return None
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        report.error((), f"not valid YAML: {exc.reason}: {_character(exc)}", line=line)
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        problem = "nested too deeply" if isinstance(exc, RecursionError) else exc
        report.error((), f"not valid YAML: {problem}", line=1)
        return None
    report.lines = document
    return document


def _has_bad_scalars(root: yaml.Node, report: Report) -> bool:
    """Report values that YAML cannot read, such as month 13, and keys that are given twice."""
    bad = False
    for path, node in _walk(root):
        if isinstance(node, yaml.MappingNode):
            _report_duplicates(path, node, report)
        elif isinstance(node, yaml.ScalarNode):
            try:
                _constructed(node)
            except ValueError as exc:
                bad = True
                report.error(path, f"{node.value!r:.60} cannot be read: {exc}", line=_line(node))
    return bad


def _report_duplicates(path: Path, node: yaml.MappingNode, report: Report) -> None:
    first: dict[object, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == _MERGE or not isinstance(key_node, yaml.ScalarNode):
            continue
        key = _key(key_node)
        if key in first:
            problem = f"given twice (first on line {first[key]}); YAML silently keeps only the last"
            report.error((*path, key), problem, line=_line(key_node))
        else:
            first[key] = _line(key_node)


def _walk(root: yaml.Node) -> Iterator[tuple[Path, yaml.Node]]:
    """Yield every node once, however many aliases lead to it."""
    seen: set[int] = set()
    waiting: list[tuple[Path, yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield path, node
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                key = _key(key_node) if isinstance(key_node, yaml.ScalarNode) else "?"
                waiting.append(((*path, key), key_node))
                waiting.append(((*path, key), value_node))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(((*path, index), item) for index, item in enumerate(node.value))


def _child(node: yaml.Node | None, step: object) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in reversed(node.value):  # of two equal keys the last one counts
            if isinstance(key_node, yaml.ScalarNode) and _key(key_node) == step:
                return _line(key_node), value_node
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        item = node.value[step]
        return _line(item), item
    return None


def _key(node: yaml.ScalarNode) -> object:
    try:
        return _constructed(node)
    except ValueError:
        return node.value


def _constructed(node: yaml.ScalarNode) -> object:
    """Return the value of *node*; a tag that the safe loader refuses is left for it to refuse."""
    if node.tag == _MERGE:
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except yaml.YAMLError:
        return node.value


def _character(exc: yaml.reader.ReaderError) -> str:
    code = exc.character
    return repr(chr(code) if isinstance(code, int) else code)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
