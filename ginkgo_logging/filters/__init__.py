"""The filters that a dictConfig file hangs on every handler: context first, then throttle, then masking.

They hang on handlers because a filter on a logger does not see what child loggers propagate. A filter that
several handlers list is one object and runs once per handler; what it finds is kept on the record, so that
the second handler pays next to nothing. A filter here never raises into the program.
"""

from typing import TYPE_CHECKING, Any

from ginkgo_logging.filters.context import ContextFilter
from ginkgo_logging.filters.masking import MaskingFilter
from ginkgo_logging.filters.throttle import ThrottleFilter

if TYPE_CHECKING:
    from ginkgo_logging.filters.processor import ProcessorFilter
    from ginkgo_logging.filters.sampling import SamplingFilter

__all__ = ["ContextFilter", "MaskingFilter", "ProcessorFilter", "SamplingFilter", "ThrottleFilter"]


def __getattr__(name: str) -> Any:
    # Few dictConfig files name these.
    if name == "ProcessorFilter":
        from ginkgo_logging.filters.processor import ProcessorFilter

        return ProcessorFilter
    if name == "SamplingFilter":
        from ginkgo_logging.filters.sampling import SamplingFilter

        return SamplingFilter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
