"""Where log lines go: standard error, one JSON object each; readable text where a person watches."""

import logging
import sys

import structlog


def configure(*, readable: bool) -> None:
    """Set up structlog for this process. Call once, before the first line is logged."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if readable
            else structlog.processors.dict_tracebacks,
            *([] if readable else [structlog.processors.JSONRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
