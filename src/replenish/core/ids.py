"""Ids: UUIDv7 made by the application, stored as `uuid`, shown as `prefix_` and 26 characters (the TypeID encoding).

A `Kind` knows one noun's prefix. Time-ordered, so that primary keys grow at their right edge.
"""

from functools import lru_cache
from typing import Final, Generic, NewType, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from replenish.core.errors import Invalid

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH: Final = 26
# Two letters at a time: every answer of the usage path shows several ids.
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS: Final = range(120, -1, -10)

WorkspaceId = NewType("WorkspaceId", UUID)
OperatorId = NewType("OperatorId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
PortalSessionId = NewType("PortalSessionId", UUID)
ClientKeyId = NewType("ClientKeyId", UUID)
WebhookEndpointId = NewType("WebhookEndpointId", UUID)
ClientSettingId = NewType("ClientSettingId", UUID)
CampaignId = NewType("CampaignId", UUID)
ProductId = NewType("ProductId", UUID)
PriceId = NewType("PriceId", UUID)
CurrencyId = NewType("CurrencyId", UUID)
MeterId = NewType("MeterId", UUID)
PaymentLinkId = NewType("PaymentLinkId", UUID)
CheckoutSessionId = NewType("CheckoutSessionId", UUID)
CustomerId = NewType("CustomerId", UUID)
WalletId = NewType("WalletId", UUID)
LotId = NewType("LotId", UUID)
HoldId = NewType("HoldId", UUID)
BudgetId = NewType("BudgetId", UUID)
BudgetCounterId = NewType("BudgetCounterId", UUID)
OwedItemId = NewType("OwedItemId", UUID)
TransferId = NewType("TransferId", UUID)
BatchId = NewType("BatchId", UUID)
UsageEventId = NewType("UsageEventId", UUID)
UsageReversalId = NewType("UsageReversalId", UUID)
AdjustmentId = NewType("AdjustmentId", UUID)
TopUpId = NewType("TopUpId", UUID)
PaymentId = NewType("PaymentId", UUID)
RefundId = NewType("RefundId", UUID)
PaymentMethodId = NewType("PaymentMethodId", UUID)
RechargeRuleId = NewType("RechargeRuleId", UUID)
RechargeAttemptId = NewType("RechargeAttemptId", UUID)
ConsentId = NewType("ConsentId", UUID)
GrantScheduleId = NewType("GrantScheduleId", UUID)
GrantPeriodId = NewType("GrantPeriodId", UUID)
EventId = NewType("EventId", UUID)
InboxId = NewType("InboxId", UUID)
IpnDeliveryId = NewType("IpnDeliveryId", UUID)
IpnTryId = NewType("IpnTryId", UUID)
AuditEntryId = NewType("AuditEntryId", UUID)

Id = TypeVar("Id", bound=UUID)


def _letters(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


_letters_remembered = lru_cache(maxsize=100_000)(_letters)


class Kind(Generic[Id]):
    """One noun's ids: make them, show them, read them back."""

    __slots__ = ("prefix",)

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def new(self) -> Id:
        return uuid7()  # type: ignore[return-value] # a NewType has no run-time constructor to call generically

    def text(self, value: Id) -> str:
        """`cus_01k…`: what the wire shows."""
        return f"{self.prefix}_{_letters(value.int)}"

    def text_often(self, value: Id) -> str:
        """The same, remembered: for the few that stand in most answers (a customer, a meter, a lot), not for the many."""
        return f"{self.prefix}_{_letters_remembered(value.int)}"

    def parse(self, text: str, *, field: str = "id") -> Id:
        """Read an id back. Raises Invalid(field) when it is not one of this kind."""
        found = self.try_parse(text)
        if found is None:
            shown = text if len(text) <= 64 else f"{text[:64]}…"
            raise Invalid(field, f"{shown!r} is not an id that starts with '{self.prefix}_'")
        return found

    def try_parse(self, text: str) -> Id | None:
        """Read an id back, or None: for fields that also take a natural key (external_id, event name, lookup key)."""
        prefix, separator, body = text.rpartition("_")
        if prefix != self.prefix or not separator or len(body) != _LENGTH:
            return None
        number = 0
        for letter in body:
            value = _VALUE.get(letter)
            if value is None:
                return None
            number = number << 5 | value
        if number >> 128:
            return None
        return UUID(int=number)  # type: ignore[return-value] # a NewType has no run-time constructor to call generically


WORKSPACE: Final = Kind[WorkspaceId]("ws")
OPERATOR: Final = Kind[OperatorId]("op")
API_KEY: Final = Kind[ApiKeyId]("key")
PORTAL_SESSION: Final = Kind[PortalSessionId]("ps")
CLIENT_KEY: Final = Kind[ClientKeyId]("ck")
WEBHOOK_ENDPOINT: Final = Kind[WebhookEndpointId]("we")
CLIENT_SETTING: Final = Kind[ClientSettingId]("set")
CAMPAIGN: Final = Kind[CampaignId]("cmp")
PRODUCT: Final = Kind[ProductId]("prod")
PRICE: Final = Kind[PriceId]("price")
CURRENCY: Final = Kind[CurrencyId]("pc")
METER: Final = Kind[MeterId]("mtr")
PAYMENT_LINK: Final = Kind[PaymentLinkId]("plink")
CHECKOUT_SESSION: Final = Kind[CheckoutSessionId]("cs")
CUSTOMER: Final = Kind[CustomerId]("cus")
WALLET: Final = Kind[WalletId]("wal")
LOT: Final = Kind[LotId]("crgr")
HOLD: Final = Kind[HoldId]("hold")
BUDGET: Final = Kind[BudgetId]("bud")
BUDGET_COUNTER: Final = Kind[BudgetCounterId]("budc")
OWED_ITEM: Final = Kind[OwedItemId]("owed")
TRANSFER: Final = Kind[TransferId]("tr")
BATCH: Final = Kind[BatchId]("batch")
USAGE_EVENT: Final = Kind[UsageEventId]("ue")
USAGE_REVERSAL: Final = Kind[UsageReversalId]("rev")
ADJUSTMENT: Final = Kind[AdjustmentId]("adj")
TOP_UP: Final = Kind[TopUpId]("top")
PAYMENT: Final = Kind[PaymentId]("pay")
REFUND: Final = Kind[RefundId]("ref")
PAYMENT_METHOD: Final = Kind[PaymentMethodId]("pm")
RECHARGE_RULE: Final = Kind[RechargeRuleId]("rule")
RECHARGE_ATTEMPT: Final = Kind[RechargeAttemptId]("ra")
CONSENT: Final = Kind[ConsentId]("con")
GRANT_SCHEDULE: Final = Kind[GrantScheduleId]("gs")
GRANT_PERIOD: Final = Kind[GrantPeriodId]("gp")
EVENT: Final = Kind[EventId]("evt")
INBOX: Final = Kind[InboxId]("in")
IPN_DELIVERY: Final = Kind[IpnDeliveryId]("ipn")
IPN_TRY: Final = Kind[IpnTryId]("ipntry")
AUDIT_ENTRY: Final = Kind[AuditEntryId]("aud")
