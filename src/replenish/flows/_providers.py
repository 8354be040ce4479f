"""Choosing a provider by what it can do."""

from collections.abc import Mapping

from replenish.access.model import Workspace
from replenish.core.errors import Conflict
from replenish.payments.model import PaymentMethod
from replenish.payments.provider import ChargesSavedMethod, OpensCheckout, Provider, SavesMethods

Providers = Mapping[str, Provider]


class NoProvider(Conflict):
    """Nobody can take this money here."""

    code = "no_provider"


async def opens_checkout(providers: Providers, *, workspace: Workspace, currency: str) -> tuple[OpensCheckout, str]:
    """The first provider, in the order of the settings, with a page for this currency, and its account.

    Raises NoProvider.
    """
    for provider in providers.values():
        if isinstance(provider, OpensCheckout) and provider.takes(currency):
            account = await provider.account_of(workspace_id=workspace.id, mode=workspace.mode)
            if account is not None:
                return provider, account
    raise NoProvider(f"No payment provider of this workspace takes {currency}.")


async def saves_methods(providers: Providers, *, workspace: Workspace) -> tuple[SavesMethods, str]:
    """The first provider that saves methods, and its account. Raises NoProvider."""
    for provider in providers.values():
        if isinstance(provider, SavesMethods):
            account = await provider.account_of(workspace_id=workspace.id, mode=workspace.mode)
            if account is not None:
                return provider, account
    raise NoProvider("No payment provider of this workspace saves payment methods.")


async def charges(
    providers: Providers, *, workspace: Workspace, method: PaymentMethod, currency: str
) -> ChargesSavedMethod:
    """The provider of a saved method. Raises NoProvider when it is not set up any more or does not take this currency."""
    provider = providers.get(method.provider)
    if not isinstance(provider, ChargesSavedMethod):
        raise NoProvider(f"{method.provider} is not set up; this payment method cannot be charged.")
    if await provider.account_of(workspace_id=workspace.id, mode=workspace.mode) != method.provider_account:
        raise NoProvider("This payment method belongs to an account that this workspace uses no more.")
    if not provider.takes(currency):
        raise NoProvider(f"This payment method cannot pay in {currency}.")
    return provider
