"""What a customer reads about money that came back."""

from decimal import Decimal

import pytest
from tests.portal.shop import VISA, Shop

from replenish.core.money import Money
from replenish.flows.refund_topup import refund_topup
from replenish.topups import queries as topups

pytestmark = pytest.mark.anyio


async def test_ann_reads_what_was_refunded_and_what_became_of_the_credits(shop: Shop) -> None:
    ann = await shop.entered(shop.ann)
    await ann.go("/portal/buy")
    await ann.send(says="Pay 10 USDC")
    await ann.type_card(VISA)
    page = ann.at
    await shop.use(shop.ann, 150_000)
    (bought,) = await topups.top_ups(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)

    async def refund(amount: str | None) -> None:
        await refund_topup(
            db=shop.db,
            providers=shop.providers,
            workspace_id=shop.workspace_id,
            top_up_id=bought.id,
            amount=None if amount is None else Money(Decimal(amount), "USDC"),
            reason="As agreed",
        )

    await refund("2")
    await ann.go(page)
    assert "Partly refunded" in ann.text
    assert "2 USDC was refunded (" in ann.text
    assert "It takes back 40,000 API calls." in ann.text
    assert "owed" not in ann.text
    await refund(None)
    await ann.go(page)
    assert "Refunded 10 USDC" in ann.text
    assert "It takes back 160,000 API calls. 150,000 API calls of them were used already, so they are owed." in ann.text
    await ann.go("/portal/history")
    assert "Refund: As agreed" in ann.text
    assert "Refund of used credits: As agreed" in ann.text
    # The purchase and each line of its refunds lead to it.
    assert ann.html.count(page.rpartition("/")[2]) >= 4
    ben = await shop.entered(shop.ben)
    await ben.go(page)
    assert ben.status == 404
