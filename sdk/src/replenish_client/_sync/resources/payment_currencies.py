# Made from _async/resources/payment_currencies.py by scripts/make_sync_client.py; change that one.
"""Payment currencies: money, and the credit currencies that customers hold."""

from msgspec import UNSET, UnsetType

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
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
from replenish_client.params import CurrencyType, OverdraftPolicy
from replenish_client.types.catalog import PaymentCurrency, ResolvedRechargeConfig


class PaymentCurrencies(Resource):
    """`client.payment_currencies`. A currency is named by its id, code or lookup key."""

    def create(
        self,
        *,
        name: str,
        type: CurrencyType | None = None,  # noqa: A002 - the wire's word
        symbol: str | None = None,
        code: str | None = None,
        decimals: int | None = None,
        lookup_key: str | None = None,
        overdraft_policy: OverdraftPolicy | None = None,
        overdraft_limit: Amount | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentCurrency:
        """Create a currency: `credit`, unless said, is what customers hold; `standard` is money and has a `code`.

        `decimals`: 0 to 18, 2 unless said. `overdraft_policy`: what becomes of usage that no credits can pay.
        """
        body = known(
            name=name,
            type=type,
            symbol=symbol,
            code=code,
            decimals=decimals,
            lookup_key=lookup_key,
            overdraft_policy=overdraft_policy,
            overdraft_limit=optional_amount(overdraft_limit, "overdraft_limit"),
            metadata=optional_metadata(metadata),
        )
        return self._transport.post("/v1/payment_currencies", PaymentCurrency, body, key=idempotency_key)

    def list(
        self,
        *,
        type: CurrencyType | None = None,  # noqa: A002 - the wire's word
        active: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[PaymentCurrency]:
        """List currencies, newest first."""
        filters = query(type=type, active=active, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/payment_currencies", PaymentCurrency, filters)

    def retrieve(self, currency: str) -> PaymentCurrency:
        """Retrieve a currency. Raises NotFoundError."""
        return self._transport.get(_path(currency), PaymentCurrency)

    def update(
        self,
        currency: str,
        *,
        name: str | UnsetType = UNSET,
        symbol: str | UnsetType = UNSET,
        lookup_key: str | UnsetType | None = UNSET,
        active: bool | UnsetType = UNSET,
        overdraft_policy: OverdraftPolicy | UnsetType = UNSET,
        overdraft_limit: Amount | UnsetType | None = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> PaymentCurrency:
        """Change a currency, or archive it with `active=False`. Code and decimals never change."""
        body = given(
            name=name,
            symbol=symbol,
            lookup_key=lookup_key,
            active=active,
            overdraft_policy=overdraft_policy,
            overdraft_limit=optional_amount(overdraft_limit, "overdraft_limit"),
            metadata=optional_metadata(metadata),
        )
        return self._transport.patch(_path(currency), PaymentCurrency, body)

    def update_recharge_config(
        self,
        currency: str,
        *,
        base_price_id: str,
        payment_link_id: str | None = None,
        checkout_url: str | None = None,
        min_recharge_amount: Amount | None = None,
        max_recharge_amount: Amount | None = None,
    ) -> PaymentCurrency:
        """Say what a customer buys to top this credit currency up; replaces what was said before.

        The customer is sent to `checkout_url`, else to the payment link, else to one made from the base price. Bounds are
        of one purchase, in the base price's currency. Raises ValidationError when the price does not grant this currency.
        """
        body = known(
            base_price_id=base_price_id,
            payment_link_id=payment_link_id,
            checkout_url=checkout_url,
            min_recharge_amount=optional_amount(min_recharge_amount, "min_recharge_amount"),
            max_recharge_amount=optional_amount(max_recharge_amount, "max_recharge_amount"),
        )
        return self._transport.put(f"{_path(currency)}/recharge_config", PaymentCurrency, body)

    def retrieve_recharge_config(self, currency: str) -> ResolvedRechargeConfig:
        """What tops this credit currency up, with the `url` where a customer buys. Raises NotFoundError without one."""
        return self._transport.get(f"{_path(currency)}/recharge_config", ResolvedRechargeConfig)

    def remove_recharge_config(self, currency: str) -> None:
        """Customers can no longer top this credit currency up themselves."""
        self._transport.delete(f"{_path(currency)}/recharge_config")


def _path(currency: str) -> str:
    return f"/v1/payment_currencies/{segment(currency, 'currency')}"
