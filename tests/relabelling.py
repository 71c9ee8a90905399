"""What rules of relabelling make of a target's labels, as Prometheus, Alloy and Promtail apply them."""

import re
from collections.abc import Mapping
from typing import Any

from alloy import Block

Rule = Mapping[str, Any]


def rules_of(component: Block) -> list[Rule]:
    """Return the rules of a ``discovery.relabel`` or ``loki.relabel``."""
    return [rule.attributes for rule in component.all("rule")]


def relabelled(labels: Mapping[str, str], rules: list[Rule]) -> dict[str, str] | None:
    """Return what is left of *labels* after *rules*, or None if they drop the target."""
    result = dict(labels)
    for rule in rules:
        action = rule.get("action", "replace")
        pattern = re.compile(rule.get("regex", "(.*)"))
        value = rule.get("separator", ";").join(
            result.get(name, "") for name in rule.get("source_labels", ())
        )
        match = pattern.fullmatch(value)
        if action == "replace":
            if match:
                replacement = re.sub(r"\$(\d)", r"\\\1", rule.get("replacement", "$1"))
                result[rule["target_label"]] = match.expand(replacement)
        elif action == "drop":
            if match:
                return None
        elif action == "labeldrop":
            result = {name: one for name, one in result.items() if not pattern.fullmatch(name)}
        else:
            raise AssertionError(f"unknown action {action}")
    return {name: one for name, one in result.items() if one and not name.startswith("__")}
