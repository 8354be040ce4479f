"""The only place that asks the machine for the time. Books take their time from the database, rules from an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
