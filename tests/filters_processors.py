"""structlog processors for tests to name by their dotted path."""

from collections.abc import MutableMapping
from typing import Any, NoReturn

import structlog

Event = MutableMapping[str, Any]


def add_region(_logger: Any, _method: str, event_dict: Event) -> Event:
    event_dict["region"] = "cn"
    return event_dict


def remember_call(logger: Any, method: str, event_dict: Event) -> Event:
    event_dict["call"] = f"{logger.name} {method}"
    return event_dict


def shout(_logger: Any, _method: str, event_dict: Event) -> Event:
    event_dict["event"] = event_dict["event"].upper()
    return event_dict


def forget_user(_logger: Any, _method: str, event_dict: Event) -> Event:
    event_dict.pop("user", None)
    return event_dict


def fail(_logger: Any, _method: str, _event_dict: Event) -> NoReturn:
    raise RuntimeError("broken processor")


def drop_noise(_logger: Any, _method: str, event_dict: Event) -> Event:
    if "noise" in event_dict["event"]:
        raise structlog.DropEvent
    return event_dict


def to_text(_logger: Any, _method: str, event_dict: Event) -> str:
    return str(event_dict)


def give_ids(_logger: Any, _method: str, event_dict: Event) -> Event:
    event_dict.update(trace_id="from processor", span_id=5, log_category="risk")
    return event_dict


def core_names(_logger: Any, _method: str, event_dict: Event) -> Event:
    event_dict.update(level="gold", seq=-1)
    return event_dict


def keeper(*, name: str, value: Any = None) -> Any:
    def keep(_logger: Any, _method: str, event_dict: Event) -> Event:
        event_dict[name] = value
        return event_dict

    return keep


NOT_CALLABLE = 5
