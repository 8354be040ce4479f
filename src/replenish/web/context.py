"""What an edge needs to serve anything: made once by `main`, reached through the application's state."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from litestar.connection import ASGIConnection

from replenish.core.db import Database
from replenish.core.gather import Gatherer
from replenish.core.settings import Settings
from replenish.flows.record_usage import NewUsage, Outcome
from replenish.payments.provider import Provider
from replenish.web.identity import Doorkeeper
from replenish.web.usage_names import UsageNames

KEY: Final = "context"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The pool, the settings, the providers by name, who knows whose key or cookie it is, and the way in for usage."""

    db: Database
    settings: Settings
    providers: Mapping[str, Provider]
    doorkeeper: Doorkeeper
    # Every usage event of this process goes through here, whatever edge it came by.
    usage: Gatherer[NewUsage, Outcome]
    usage_names: UsageNames


def context_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Context:
    """The application's context. Raises LookupError before the application has started."""
    found = cast("object", connection.app.state.get(KEY))
    if not isinstance(found, Context):
        raise LookupError("the application has not started")  # noqa: TRY004 - missing, not of a wrong type
    return found
