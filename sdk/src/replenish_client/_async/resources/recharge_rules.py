"""Recharge rules: a customer's standing order for automatic top-ups."""

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Amount, amount, known, optional_amount, query, segment
from replenish_client.params import NewConsent, RechargeMode
from replenish_client.types.recharge import RechargeRule, SavedRule


class AsyncRechargeRules(AsyncResource):
    """`client.recharge_rules`."""

    async def save(
        self,
        *,
        customer_id: str,
        credit_currency_id: str,
        enabled: bool,
        threshold: Amount,
        mode: RechargeMode | None = None,
        packs: int | None = None,
        target: Amount | None = None,
        price_id: str | None = None,
        currency_id: str | None = None,
        payment_method_id: str | None = None,
        charge_amount_max: Amount | None = None,
        day_amount_max: Amount | None = None,
        day_count_max: int | None = None,
        month_amount_max: Amount | None = None,
        consent: NewConsent | None = None,
        idempotency_key: str | None = None,
    ) -> SavedRule:
        """Make or replace the rule of a customer's wallet; there is one per customer and credit currency.

        When the balance falls below `threshold` credits, it buys multiples of `packs` up to it, or in mode `target` up to
        the target. `price_id` is the recharge config's base price unless said. Caps are in the payment currency, tax
        included; without one there is none. Switching on, or raising anything, needs the customer's `consent`.

        Raises ValidationError for a rule that could never be satisfied or a cap smaller than one purchase.
        """
        body = known(
            customer_id=customer_id,
            credit_currency_id=credit_currency_id,
            enabled=enabled,
            threshold=amount(threshold, "threshold"),
            mode=mode,
            packs=packs,
            target=optional_amount(target, "target"),
            price_id=price_id,
            currency_id=currency_id,
            payment_method_id=payment_method_id,
            charge_amount_max=optional_amount(charge_amount_max, "charge_amount_max"),
            day_amount_max=optional_amount(day_amount_max, "day_amount_max"),
            day_count_max=day_count_max,
            month_amount_max=optional_amount(month_amount_max, "month_amount_max"),
            consent=consent,
        )
        return await self._transport.put("/v1/recharge_rules", SavedRule, body, key=idempotency_key)

    def list(
        self, *, customer_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[RechargeRule]:
        """List recharge rules, newest first."""
        filters = query(customer_id=customer_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/recharge_rules", RechargeRule, filters)

    async def retrieve(self, recharge_rule: str) -> RechargeRule:
        """Retrieve a recharge rule. Raises NotFoundError."""
        return await self._transport.get(_path(recharge_rule), RechargeRule)

    async def disable(self, recharge_rule: str, *, idempotency_key: str | None = None) -> RechargeRule:
        """Switch a rule off, at once; a charge on which nothing can have been paid is called off."""
        return await self._transport.post(f"{_path(recharge_rule)}/disable", RechargeRule, key=idempotency_key)

    async def resume(self, recharge_rule: str, *, idempotency_key: str | None = None) -> SavedRule:
        """End a suspension or a pause."""
        return await self._transport.post(f"{_path(recharge_rule)}/resume", SavedRule, key=idempotency_key)

    async def suspend(self, recharge_rule: str) -> RechargeRule:
        """Stop a rule until it is resumed, whatever the customer's card."""
        return await self._transport.post(f"{_path(recharge_rule)}/suspend", RechargeRule)


def _path(recharge_rule: str) -> str:
    return f"/v1/recharge_rules/{segment(recharge_rule, 'recharge_rule')}"
