"""The largest, the smallest and the latest that can be sold: money that has moved must always become credits (laws 4, 5, 8)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.flows.recharge_stage import RETURN_URL, VISA, Stage, set_up

from replenish.catalog import queries as catalog
from replenish.catalog.model import CreditTerms, DurationUnit
from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows.buy_credits import buy_with_saved_method
from replenish.flows.manage_catalog import create_price, create_product
from replenish.flows.manage_currencies import create_currency
from replenish.payments.next_step import Done
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.reports.verify import verify
from replenish.wallets import queries as wallets
from replenish.wallets.model import WalletRef

pytestmark = pytest.mark.anyio
LATEST = datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
HUGE = "9" * 21


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


@pytest.mark.parametrize(
    ("money", "unit_amount", "amount", "quantity", "duration", "unit"),
    [
        ("ETH", HUGE + "." + "9" * 18, HUGE + "." + "9" * 18, 9999, 100, "years"),
        ("ETH", "0.000000000000000001", "0.000000000000000001", 1, 1, "hours"),
        ("JPY", "1", HUGE, 9999, 1200, "months"),
        ("JPY", HUGE, "0.000000000000000001", 9999, 36_500, "days"),
    ],
)
async def test_law_08_the_largest_and_the_smallest_purchase_at_the_latest_hour(
    stage: Stage, money: str, unit_amount: str, amount: str, quantity: int, duration: int, unit: DurationUnit
) -> None:
    card = await stage.save_card(VISA)
    db, workspace_id = stage.db, stage.workspace_id
    atoms = await create_currency(db=db, workspace_id=workspace_id, name="atoms", decimals=18)
    paid_in = await catalog.find_currency(db, workspace_id=workspace_id, key=money)
    price_id = await create_price(
        db=db,
        workspace_id=workspace_id,
        product_id=await create_product(db=db, workspace_id=workspace_id, name="Atoms", type_="credit"),
        currency_id=paid_in.id,
        unit_amount=unit_amount,
        credit_terms=CreditTerms(
            currency_id=atoms, amount=amount, valid_duration_value=duration, valid_duration_unit=unit
        ),
        quantity_max=9999,
    )
    await stage.clock(LATEST)
    for _ in range(2):
        bought = await buy_with_saved_method(
            db=db,
            providers=stage.providers,
            workspace_id=workspace_id,
            customer_id=stage.ann,
            price_id=price_id,
            quantity=quantity,
            return_url=RETURN_URL,
            payment_method_id=card,
        )
        assert bought.step == Done()
    ref = WalletRef(workspace_id, stage.ann, atoms)
    held = await wallets.balance(db, ref=ref, now=LATEST)
    assert held.balance == Credits(Decimal(amount)).times(2 * quantity)
    assert (await verify(db)).clean
