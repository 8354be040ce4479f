"""Customers, and what they hold."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Metadata, given, known, optional_metadata, query, segment
from replenish_client.types.customers import Balance, Customer


class _Balances(msgspec.Struct, frozen=True):
    data: Sequence[Balance]


class AsyncCustomers(AsyncResource):
    """`client.customers`. A customer is named by its id or external id."""

    async def create(
        self,
        *,
        external_id: str,
        email: str | None = None,
        name: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer. `external_id` is yours and never changes. Raises ConflictError when it is taken."""
        body = known(external_id=external_id, email=email, name=name, metadata=optional_metadata(metadata))
        return await self._transport.post("/v1/customers", Customer, body, key=idempotency_key)

    def list(
        self,
        *,
        external_id: str | None = None,
        email: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[Customer]:
        """List customers, newest first. E-mail addresses are compared without case."""
        filters = query(external_id=external_id, email=email, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/customers", Customer, filters)

    async def retrieve(self, customer: str) -> Customer:
        """Retrieve a customer. Raises NotFoundError."""
        return await self._transport.get(_path(customer), Customer)

    async def update(
        self,
        customer: str,
        *,
        email: str | UnsetType | None = UNSET,
        name: str | UnsetType = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> Customer:
        """Change a customer. What is not given stays; metadata is replaced as a whole."""
        body = given(email=email, name=name, metadata=optional_metadata(metadata))
        return await self._transport.patch(_path(customer), Customer, body)

    async def freeze(self, customer: str) -> Customer:
        """Freeze a customer with all wallets: credits stay, spending and buying stop. Twice is once."""
        return await self._transport.post(f"{_path(customer)}/freeze", Customer)

    async def unfreeze(self, customer: str) -> Customer:
        """Unfreeze a customer. Wallets that were frozen by themselves stay so."""
        return await self._transport.post(f"{_path(customer)}/unfreeze", Customer)

    async def balances(self, customer: str) -> Sequence[Balance]:
        """Every balance of a customer, one per credit currency ever held, exact at this instant."""
        return (await self._transport.get(f"{_path(customer)}/balances", _Balances)).data

    async def balance(self, customer: str, currency: str) -> Balance:
        """One balance, by the credit currency's id or lookup key; zeros when it was never held."""
        return await self._transport.get(f"{_path(customer)}/balances/{segment(currency, 'currency')}", Balance)


def _path(customer: str) -> str:
    return f"/v1/customers/{segment(customer, 'customer')}"
