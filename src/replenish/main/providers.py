"""Which providers this process has. The only place that knows them by name."""

from collections.abc import Mapping

from replenish.core.settings import Settings
from replenish.payments.provider import Provider
from replenish.providers.sandbox.sandbox import Sandbox, open_sandbox


async def open_sandbox_for(settings: Settings) -> Sandbox:
    """The sandbox on connections of its own; live workspaces may use it under `replenish dev` only."""
    return await open_sandbox(
        database_url=settings.database_url,
        base_url=settings.base_url,
        secret=settings.secret_key,
        allow_live=settings.dev,
    )


def providers_of(sandbox: Sandbox) -> Mapping[str, Provider]:
    """By name, as edges and workers get them."""
    return {sandbox.provider.name: sandbox.provider}
