"""OpenTelemetry: lines within a span carry its ids where no other trace is bound."""

from opentelemetry import trace

from ginkgo_logging import context


def instrument() -> None:
    """Let `context` ask OpenTelemetry for the active span, in this process and from now on."""
    context.span_source = active_span


def uninstrument() -> None:
    """Take `instrument` back."""
    if context.span_source is active_span:
        context.span_source = None


def active_span() -> tuple[str, str, int] | None:
    """Return trace_id and span_id (W3C, hexadecimal) and flags of the active span; None if there is none."""
    active = trace.get_current_span()
    if active is trace.INVALID_SPAN:  # the usual answer where the library is there and nobody uses it
        return None
    span = active.get_span_context()
    if not span.is_valid:
        return None
    return trace.format_trace_id(span.trace_id), trace.format_span_id(span.span_id), int(span.trace_flags)
