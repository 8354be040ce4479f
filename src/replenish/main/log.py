"""Where log lines go: standard error, one JSON object each; readable text where a person watches."""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from replenish.core.redaction import clean, redact


class RedactAccess(logging.Filter):
    """Whatever a server's access log writes about a request: its line names the query, and there may be a token in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(clean(part) for part in record.args)
        record.msg = clean(record.msg)
        return True


def redact_access_log() -> None:
    """For whoever serves the application with a log of its own: `replenish serve` writes none."""
    for name in ("uvicorn.access", "uvicorn.error", "hypercorn.access", "gunicorn.access", "granian.access"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, RedactAccess) for one in logger.filters):
            logger.addFilter(RedactAccess())


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
