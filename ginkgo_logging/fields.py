"""The names in a JSON line: the only contract between those who write lines and those who read them."""

TIMESTAMP = "timestamp"
LEVEL = "level"
LOGGER_NAME = "logger_name"
MESSAGE = "message"
LOG_CATEGORY = "log_category"
TRACE_ID = "trace_id"
SPAN_ID = "span_id"
SOURCE = "source"
SEQ = "seq"
HOSTNAME = "hostname"
PID = "pid"
CONTAINER_ID = "container_id"
POD_NAME = "pod_name"
NAMESPACE = "namespace"
ERROR_TYPE = "error_type"
ERROR_MESSAGE = "error_message"
STACK_TRACE = "stack_trace"
STACK_INFO = "stack_info"
SUPPRESSED_COUNT = "suppressed_count"

DEFAULT_CATEGORY = "system"

CORE = frozenset(
    {
        TIMESTAMP,
        LEVEL,
        LOGGER_NAME,
        MESSAGE,
        LOG_CATEGORY,
        TRACE_ID,
        SPAN_ID,
        SOURCE,
        SEQ,
        HOSTNAME,
        PID,
        CONTAINER_ID,
        POD_NAME,
        NAMESPACE,
        ERROR_TYPE,
        ERROR_MESSAGE,
        STACK_TRACE,
        STACK_INFO,
        SUPPRESSED_COUNT,
    }
)
"""Keys that only the pipe itself writes; a user's field of the same name is kept as ``<name>_``."""
