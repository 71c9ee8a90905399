"""SamplingFilter: keep a share of the traces, each whole or not at all."""

import logging
from collections.abc import Mapping

from ginkgo_logging.accounting import reporter
from ginkgo_logging.records import state_of
from ginkgo_logging.sampling import Sampler


class SamplingFilter(logging.Filter):
    """Let a share of the records below ERROR pass, the same traces in every process.

    A rate is the share that is kept, 0 to 1: that of the nearest logger in *loggers*, else that of the level
    in *levels*, else *default*. A trace is kept or dropped whole; records without one are chosen at random.
    ERROR and above always pass. What is dropped is counted as sampled out. List it after ContextFilter.
    """

    def __init__(
        self,
        *,
        default: float = 1.0,
        levels: Mapping[str, float] | None = None,
        loggers: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        known = logging.getLevelNamesMapping()
        for level in levels or ():
            if str(level).upper() not in known:
                raise ValueError(f"levels: {level!r} is no level; allowed: {', '.join(known)}")
        self._sampler = Sampler(default=default, levels=levels, loggers=loggers)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* may pass; asked again for the same record, give the same answer."""
        if record.levelno >= logging.ERROR:
            return True
        try:
            state = state_of(record)
            if self not in state.processed_by:
                state.processed_by = (*state.processed_by, self)
                rate = self._sampler.rate_of(record.name, record.levelname)
                if not self._sampler.keep(record.__dict__["trace_id"], rate):
                    state.refused_by = (*state.refused_by, self)
            if self not in state.refused_by:
                return True
            state.verdict = "sampled_out"
        except Exception as exc:  # noqa: BLE001 - a broken sampler must not hide a line
            reporter.report("sampling", exc)
            return True
        return False
