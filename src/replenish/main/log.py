"""Where log lines go: standard error, one JSON object each; readable text where a person watches."""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from replenish.core.redaction import redact


def configure(*, readable: bool) -> None:
    """Set up structlog for this process. Call once, before the first line is logged."""
    # Tracebacks without local variables, and redaction after everything is text: both for law 17.
    readable_end = (
        structlog.processors.format_exc_info,
        redact,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
    )
    machine_end = (
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        redact,
        structlog.processors.JSONRenderer(),
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(readable_end if readable else machine_end),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
