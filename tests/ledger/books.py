"""A workspace with one credit currency, two meters and one customer, written straight into the tables."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from replenish.catalog.model import Meter, OverdraftPolicy, PaymentCurrency
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.ids import CustomerId, WorkspaceId
from replenish.core.money import Credits
from replenish.wallets.model import WalletRef

START = datetime(2027, 1, 1, tzinfo=UTC)


class Bench(msgspec.Struct, frozen=True):
    """What a test of the vault stands on: Ann, who holds `currency`, spent through `meters` a and b."""

    workspace_id: WorkspaceId
    currency: PaymentCurrency
    meters: dict[str, Meter]
    ann: CustomerId

    @property
    def ref(self) -> WalletRef:
        return WalletRef(self.workspace_id, self.ann, self.currency.id)


async def lay(
    db: Database,
    *,
    decimals: int = 2,
    overdraft_policy: OverdraftPolicy = "none",
    overdraft_limit: Decimal | None = None,
    clock: datetime | None = START,
    mode: str = "test",
) -> Bench:
    """Write the rows and return them as the program's own values."""
    workspace_id, currency_id, ann = ids.WORKSPACE.new(), ids.CURRENCY.new(), ids.CUSTOMER.new()
    await db.pool.execute(
        "insert into workspaces (id, mode, name, test_clock) values ($1, $2, 'Acme', $3)", workspace_id, mode, clock
    )
    await db.pool.execute(
        "insert into payment_currencies (id, workspace_id, type, name, symbol, decimals, overdraft_policy,"
        " overdraft_limit) values ($1, $2, 'credit', 'credits', 'credits', $3, $4, $5)",
        currency_id,
        workspace_id,
        decimals,
        overdraft_policy,
        overdraft_limit,
    )
    meters = {}
    for name in ("a", "b"):
        meter = Meter(
            id=ids.METER.new(),
            workspace_id=workspace_id,
            name=name,
            event_name=name,
            lookup_key=None,
            aggregation="sum",
            unit="unit",
            description="",
            status="active",
            currency_id=currency_id,
            credits_per_unit=Decimal(1),
            metadata={},
            created_at=START,
        )
        await db.pool.execute(
            "insert into meters (id, workspace_id, name, event_name, unit, currency_id) values ($1, $2, $3, $3, 'u', $4)",
            meter.id,
            workspace_id,
            name,
            currency_id,
        )
        meters[name] = meter
    await db.pool.execute(
        "insert into customers (id, workspace_id, external_id, name) values ($1, $2, 'ann', 'Ann')", ann, workspace_id
    )
    currency = PaymentCurrency(
        id=currency_id,
        workspace_id=workspace_id,
        type="credit",
        code=None,
        lookup_key=None,
        name="credits",
        symbol="credits",
        decimals=decimals,
        active=True,
        overdraft_policy=overdraft_policy,
        overdraft_limit=None if overdraft_limit is None else Credits(overdraft_limit),
        recharge_config=None,
        metadata={},
        created_at=START,
    )
    return Bench(workspace_id, currency, meters, ann)


async def set_clock(db: Database, bench: Bench, at: datetime) -> None:
    await db.pool.execute("update workspaces set test_clock = $2 where id = $1", bench.workspace_id, at)
