"""Budgets: what usage of a customer's credits may take in a window of time."""

from msgspec import UNSET, UnsetType

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import (
    Amount,
    Metadata,
    given,
    known,
    optional_amount,
    optional_metadata,
    query,
    segment,
)
from replenish_client._values import amount as wire_amount
from replenish_client.params import BudgetWindow
from replenish_client.types.budgets import Budget, BudgetLabel


class AsyncBudgets(AsyncResource):
    """`client.budgets`."""

    async def create(
        self,
        *,
        customer_id: str,
        currency_id: str,
        limit: Amount,
        window: BudgetWindow,
        label_property: str | None = None,
        label: str | None = None,
        meter_id: str | None = None,
        hard: bool | None = None,
        alert_at: int | None = None,
        active: bool | None = None,
        name: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Budget:
        """Limit usage of a customer's credits to `limit` in each `window`, from now on.

        `label_property` and `label`: only events with this property; without a value, each value by itself. A budget that is not
        `hard` refuses nothing. At `alert_at` percent the event `budget.alert_reached` is sent, at the limit, or when it first
        refuses, `budget.exceeded`; each once a window.
        """
        body = known(
            customer_id=customer_id,
            currency_id=currency_id,
            limit=wire_amount(limit, "limit"),
            window=window,
            label_property=label_property,
            label=label,
            meter_id=meter_id,
            hard=hard,
            alert_at=alert_at,
            active=active,
            name=name,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/budgets", Budget, body, key=idempotency_key)

    def list(
        self,
        *,
        customer_id: str | None = None,
        currency_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[Budget]:
        """List budgets, newest first, as they stand now."""
        filters = query(customer_id=customer_id, currency_id=currency_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/budgets", Budget, filters)

    async def retrieve(self, budget: str) -> Budget:
        """Retrieve a budget, as it stands now. Raises NotFoundError."""
        return await self._transport.get(_path(budget), Budget)

    def labels(self, budget: str, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[BudgetLabel]:
        """List what each value of the budget's property has taken in the window of now."""
        return self._transport.pages(f"{_path(budget)}/labels", BudgetLabel, query(limit=limit, cursor=cursor))

    async def update(
        self,
        budget: str,
        *,
        limit: Amount | UnsetType = UNSET,
        hard: bool | UnsetType = UNSET,
        alert_at: int | UnsetType | None = UNSET,
        active: bool | UnsetType = UNSET,
        name: str | UnsetType = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> Budget:
        """Change a budget. It holds from the next usage on; what was counted stays. `alert_at` None = no alert."""
        body = given(
            limit=optional_amount(limit, "limit"),
            hard=hard,
            alert_at=alert_at,
            active=active,
            name=name,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.patch(_path(budget), Budget, body)

    async def delete(self, budget: str) -> None:
        """Delete a budget: it limits nothing any more. Raises NotFoundError."""
        await self._transport.delete(_path(budget))


def _path(budget: str) -> str:
    return f"/v1/budgets/{segment(budget, 'budget')}"
