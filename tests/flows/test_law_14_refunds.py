"""Law 14: a refund takes floor(granted x refunded / paid) credits, cumulatively, unspent first, the rest owed or written off."""

import asyncio
from decimal import Decimal

import pytest

from replenish.access.model import RequestKey
from replenish.core import ids
from replenish.core.errors import Conflict, Invalid, PaymentRequired
from replenish.core.ids import CustomerId, HoldId, TopUpId
from replenish.core.money import Credits, Money
from replenish.core.transaction import transaction
from replenish.flows import refund_topup as flow
from replenish.flows.adjust_credits import NewAdjustment, adjust_credits
from replenish.flows.buy_credits import buy_with_saved_method
from replenish.flows.grant_credits import void_grant
from replenish.flows.hold_credits import capture_hold
from replenish.flows.manage_workspaces import change_workspace
from replenish.flows.refund_topup import reconcile_refunds, refund_topup
from replenish.payments import queries as payments
from replenish.payments.model import Refund
from replenish.reports.statement import statement
from replenish.reports.verify import verify
from replenish.topups import queries as topups
from replenish.topups.model import TopUp
from replenish.wallets import operations as wallets
from replenish.wallets.holding import NewHold
from replenish.wallets.model import WalletRef
from support.shop import PACK, Killed, Shop, When

pytestmark = pytest.mark.anyio
GOOD_CARD = "4242424242424242"


async def buy(shop: Shop, customer_id: CustomerId | None = None) -> TopUp:
    """Ann buys one pack of 200,000 for 10 USD."""
    customer_id = customer_id or shop.ann
    methods = await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=customer_id)
    if not methods:
        await shop.save_card(customer_id, GOOD_CARD)
    purchase = await buy_with_saved_method(
        db=shop.db,
        providers=shop.providers,
        workspace_id=shop.workspace_id,
        customer_id=customer_id,
        price_id=shop.price_id,
        quantity=1,
        return_url="https://shop.example/back",
    )
    return await topups.top_up(shop.db, workspace_id=shop.workspace_id, top_up_id=purchase.top_up_id)


def wallet(shop: Shop) -> WalletRef:
    return WalletRef(shop.workspace_id, shop.ann, shop.tokens)


async def spend(shop: Shop, amount: int) -> None:
    new = NewAdjustment(amount=Decimal(-amount), reason="Used", actor="ben")
    await adjust_credits(shop.db, ref=wallet(shop), new=new)


async def refund(shop: Shop, top_up_id: TopUpId, amount: str | None = None, key: str | None = None) -> Refund:
    refund_id, _ = await refund_topup(
        db=shop.db,
        providers=shop.providers,
        workspace_id=shop.workspace_id,
        top_up_id=top_up_id,
        amount=None if amount is None else Money(Decimal(amount), "USD"),
        reason="Not needed",
        request_key=None if key is None else RequestKey(workspace_id=shop.workspace_id, key=key, fingerprint=b"1"),
    )
    return await payments.refund(shop.db, workspace_id=shop.workspace_id, refund_id=refund_id)


async def refund_later(shop: Shop) -> None:
    await shop.pool.execute("update refunds set due_at = now() where due_at is not null")
    await reconcile_refunds(db=shop.db, providers=shop.providers)


def parts(made: Refund) -> dict[str, int]:
    """What became of the credits, without what is nothing."""
    found = {
        "taken": made.credits_taken,
        "lapsed": made.credits_lapsed,
        "held": made.credits_held,
        "owed": made.credits_owed,
        "written_off": made.credits_written_off,
    }
    return {name: int(amount.value) for name, amount in found.items() if amount}


async def test_law_14_a_whole_refund_takes_the_whole_pack(shop: Shop) -> None:
    top_up = await buy(shop)
    made = await refund(shop, top_up.id)
    assert (made.state, made.money, parts(made)) == ("succeeded", Money(10, "USD"), {"taken": PACK})
    assert await shop.charged() == 0
    assert await shop.credits(shop.ann) == Credits(0)
    after = await topups.top_up(shop.db, workspace_id=shop.workspace_id, top_up_id=top_up.id)
    assert (after.state, after.refunded_amount) == ("settled", Decimal(10))
    lines = await statement(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)
    assert (lines[0].description, lines[0].amount) == ("Refund: Not needed", Credits(-PACK))
    assert (await shop.events(shop.ann))[-2:] == ["refund.created", "refund.succeeded"]
    await shop.assert_books_agree()


async def test_law_14_parts_sum_to_exactly_the_whole(shop: Shop) -> None:
    top_up = await buy(shop)
    # 66,600, then 133,333.33.. less that, and the rest: each is floored from zero, so nothing is lost between them.
    taken = [parts(await refund(shop, top_up.id, amount))["taken"] for amount in ("3.33", "3.34", "0.01")]
    assert taken == [66_600, 66_800, 200]
    await shop.assert_books_agree()
    assert parts(await refund(shop, top_up.id))["taken"] == PACK - 133_600
    assert await shop.charged() == 0
    assert await shop.credits(shop.ann) == Credits(0)
    await shop.assert_books_agree()


SPENT = [
    # refunded  policy       balance  what became of the credits
    ("5", "owe", 0, {"taken": 80_000, "owed": 20_000}, -20_000),
    ("10", "owe", 0, {"taken": 80_000, "owed": 120_000}, -120_000),
    ("4", "owe", 0, {"taken": 80_000}, 0),
    ("1", "owe", 0, {"taken": 20_000}, 60_000),
    ("10", "write_off", 0, {"taken": 80_000, "written_off": 120_000}, 0),
    # What another pack has left pays what is owed, at once.
    ("10", "owe", 1, {"taken": 80_000, "owed": 120_000}, 80_000),
]


@pytest.mark.parametrize(("amount", "policy", "more", "became", "balance"), SPENT)
async def test_law_14_of_a_pack_that_is_partly_spent(
    shop: Shop, amount: str, policy: str, more: int, became: dict[str, int], balance: int
) -> None:
    if policy == "write_off":
        await change_workspace(db=shop.db, workspace_id=shop.workspace_id, refund_policy="write_off")
    top_up = await buy(shop)
    await spend(shop, 120_000)
    for _ in range(more):
        await buy(shop)
    made = await refund(shop, top_up.id, amount)
    assert parts(made) == became
    assert await shop.credits(shop.ann) == Credits(balance)
    await shop.assert_books_agree()


async def test_law_14_what_is_owed_is_repaid_by_the_next_purchase(shop: Shop) -> None:
    top_up = await buy(shop)
    await spend(shop, PACK)
    await refund(shop, top_up.id)
    with pytest.raises(PaymentRequired):
        await spend(shop, 1)
    await buy(shop)
    assert (await shop.balance(shop.ann)).owed == Credits(0)
    assert await shop.credits(shop.ann) == Credits(0)
    await shop.assert_books_agree()


async def test_law_14_nobody_owes_credits_that_were_voided_unspent(shop: Shop) -> None:
    top_up = await buy(shop)
    await spend(shop, 50_000)
    assert top_up.lot_id is not None
    await void_grant(shop.db, workspace_id=shop.workspace_id, lot_id=top_up.lot_id)
    assert parts(await refund(shop, top_up.id, "5")) == {"lapsed": 100_000}
    assert parts(await refund(shop, top_up.id)) == {"lapsed": 50_000, "owed": 50_000}
    await shop.assert_books_agree()


async def hold(shop: Shop, amount: int) -> HoldId:
    async with transaction(shop.db) as tx:
        books = await wallets.open_books(tx, refs=[wallet(shop)])
        hold_id = books[wallet(shop)].hold(NewHold(id=ids.HOLD.new(), amount=Credits(amount), meter_id=None))
        await wallets.save_books(tx, books=books.values())
        return hold_id


async def release(shop: Shop, hold_id: HoldId) -> None:
    async with transaction(shop.db) as tx:
        books = await wallets.open_books(tx, refs=[wallet(shop)])
        book = books[wallet(shop)]
        book.release_hold(await wallets.load_hold(tx, book, hold_id=hold_id))
        await wallets.save_books(tx, books=books.values())


async def test_law_14_what_a_hold_keeps_is_taken_when_it_ends(shop: Shop) -> None:
    top_up = await buy(shop)
    first, second = await hold(shop, 90_000), await hold(shop, 60_000)
    assert parts(await refund(shop, top_up.id, "5")) == {"taken": 50_000, "held": 50_000}
    assert parts(await refund(shop, top_up.id, "1")) == {"held": 20_000}
    found = await shop.balance(shop.ann)
    assert (found.available, found.held) == (Credits(0), Credits(150_000))
    await shop.assert_books_agree()
    await release(shop, first)
    # 70,000 were to go; the other hold still keeps 60,000 of them.
    assert await shop.credits(shop.ann) == Credits(80_000)
    await shop.assert_books_agree()
    await release(shop, second)
    assert await shop.credits(shop.ann) == Credits(80_000)
    await shop.assert_books_agree()


async def test_law_14_what_a_capture_spends_of_refunded_credits_is_owed(shop: Shop) -> None:
    top_up = await buy(shop)
    hold_id = await hold(shop, 150_000)
    # Unspent when the money went back: owed in any case, whatever the workspace writes off.
    await change_workspace(db=shop.db, workspace_id=shop.workspace_id, refund_policy="write_off")
    assert parts(await refund(shop, top_up.id)) == {"taken": 50_000, "held": 150_000}
    await capture_hold(
        shop.db, workspace_id=shop.workspace_id, hold_id=hold_id, value=Decimal(100_000), shortfall="reject"
    )
    found = await shop.balance(shop.ann)
    assert (found.available, found.held, found.owed) == (Credits(0), Credits(0), Credits(100_000))
    await shop.assert_books_agree()


DAMAGES = [
    ("update top_ups set refunded_amount = 5", "refunded money agrees"),
    ("update payments set refunded_amount = 0", "refunded money agrees"),
    ("update refunds set amount = 3", "refunded money agrees"),
    ("update refunds set credits = 60000, credits_taken = 30000", "refunds took their credits"),
    ("update refunds set credits_taken = credits_taken - 1, credits_lapsed = 1", "refunds took their credits"),
    (
        "update lots set refund_id = id, held = 1, refund_due = 1 where source = 'adjustment'",
        "refunds took their credits",
    ),
    ("update owed_items set amount = amount + 1", "what is owed has its items"),
]


@pytest.mark.parametrize(("damage", "check"), DAMAGES)
async def test_law_14_verify_sees_a_refund_that_does_not_add_up(shop: Shop, damage: str, check: str) -> None:
    top_up = await buy(shop)
    await spend(shop, 150_000)
    # Ann has 50,000 left of 200,000: 80,000 go, 30,000 of them as a debt, which the gift repays.
    await refund(shop, top_up.id, "4")
    await adjust_credits(
        shop.db, ref=wallet(shop), new=NewAdjustment(amount=Decimal(90_000), reason="Gift", actor="ben")
    )
    await shop.assert_books_agree()
    await shop.pool.execute(damage)
    assert (await verify(shop.db)).counts[check] > 0


async def test_law_14_more_than_is_left_is_refused_with_the_numbers(shop: Shop) -> None:
    top_up = await buy(shop)
    await refund(shop, top_up.id, "4")
    with pytest.raises(flow.RefundTooLarge) as refused:
        await refund(shop, top_up.id, "6.01")
    assert refused.value.own_code == "refund_too_large"
    assert {name: refused.value.numbers[name] for name in ("paid", "refunded", "pending", "refundable")} == {
        "paid": "10",
        "refunded": "4",
        "pending": "0",
        "refundable": "6",
    }
    await refund(shop, top_up.id, "6")
    with pytest.raises(flow.RefundTooLarge) as again:
        await refund(shop, top_up.id)
    assert again.value.own_code == "already_refunded"
    assert await shop.db.fetchval("select count(*) from sandbox.refunds") == 2


@pytest.mark.parametrize("amount", ["0", "-1", "0.001"])
async def test_law_14_an_amount_that_is_no_money_is_refused(shop: Shop, amount: str) -> None:
    top_up = await buy(shop)
    with pytest.raises(Invalid) as refused:
        await refund(shop, top_up.id, amount)
    assert refused.value.field == "amount"
    assert "refund_payment" not in shop.provider.calls


async def test_law_14_a_purchase_that_was_never_paid_cannot_be_refunded(shop: Shop) -> None:
    await shop.save_card(shop.ann, "4000000000000341")
    top_up = await buy(shop)
    assert top_up.state == "failed"
    with pytest.raises(Conflict) as refused:
        await refund(shop, top_up.id)
    assert refused.value.own_code == "top_up_not_settled"


async def test_law_07_the_same_key_refunds_once(shop: Shop) -> None:
    top_up = await buy(shop)
    made = [await refund(shop, top_up.id, "4", key="once") for _ in range(2)]
    assert made[0].id == made[1].id
    # The key is the first thing looked at: a whole refund sent again is not "already refunded".
    whole = [await refund(shop, top_up.id, key="whole") for _ in range(2)]
    assert whole[0].id == whole[1].id
    assert await shop.charged() == 0
    assert await shop.db.fetchval("select count(*) from sandbox.refunds") == 2


async def test_law_09_an_unknown_refund_waits_and_is_made_once(shop: Shop) -> None:
    top_up = await buy(shop)
    shop.provider.silent = True
    made = await refund(shop, top_up.id, "6")
    assert made.state == "pending"
    assert await shop.credits(shop.ann) == Credits(PACK)
    # What is on its way counts as gone.
    with pytest.raises(flow.RefundTooLarge):
        await refund(shop, top_up.id, "4.01")
    await refund_later(shop)
    await shop.pool.execute("update refunds set unknown_since = now() - interval '2 hours'")
    for _ in range(2):
        await refund_later(shop)
    assert (await shop.events(shop.ann)).count("refund.unknown") == 1
    (reported,) = await payments.refunds(shop.db, workspace_id=shop.workspace_id, escalated=True)
    assert reported.id == made.id
    await shop.assert_books_agree()
    shop.provider.silent = False
    await refund_later(shop)
    done = await payments.refund(shop.db, workspace_id=shop.workspace_id, refund_id=made.id)
    assert (done.state, done.escalated_at, done.due_at) == ("succeeded", None, None)
    assert await shop.charged() == Decimal(4)
    assert await shop.credits(shop.ann) == Credits(80_000)
    await shop.assert_books_agree()


KILLS: list[When] = ["before", "after"]


@pytest.mark.parametrize("when", KILLS)
async def test_law_09_a_refund_survives_a_kill_and_is_made_once(shop: Shop, when: When) -> None:
    top_up = await buy(shop)
    shop.provider.kill = ("refund_payment", when)
    with pytest.raises(Killed):
        await refund(shop, top_up.id, key="k")
    await asyncio.gather(*(refund_later(shop) for _ in range(3)))
    made = await refund(shop, top_up.id, key="k")
    assert (made.state, parts(made)) == ("succeeded", {"taken": PACK})
    assert await shop.db.fetchval("select count(*) from sandbox.refunds") == 1
    assert await shop.charged() == 0
    assert (await shop.events(shop.ann)).count("refund.succeeded") == 1
    await shop.assert_books_agree()


async def test_law_09_a_refund_that_the_provider_refuses_takes_no_credits(shop: Shop) -> None:
    top_up = await buy(shop)
    # Given back at the provider's own desk, where we cannot see it.
    await shop.pool.execute("update sandbox.intents set refunded = amount")
    made = await refund(shop, top_up.id)
    assert (made.state, made.failure_code) == ("failed", "refund_too_large")
    assert made.escalated_at is not None
    assert await shop.credits(shop.ann) == Credits(PACK)
    assert (await shop.events(shop.ann))[-1] == "refund.failed"
    await shop.assert_books_agree()


async def test_law_14_refunds_at_once_give_back_no_more_than_was_paid(shop: Shop) -> None:
    top_up = await buy(shop)
    results = await asyncio.gather(*(refund(shop, top_up.id, "3") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(each, Refund) for each in results) == 3
    assert sum(isinstance(each, flow.RefundTooLarge) for each in results) == 5
    assert await shop.charged() == Decimal(1)
    assert await shop.credits(shop.ann) == Credits(20_000)
    await shop.assert_books_agree()


async def test_law_14_a_refund_races_with_spending(shop: Shop) -> None:
    top_up = await buy(shop)
    results = await asyncio.gather(
        refund(shop, top_up.id, "6"), *(spend(shop, 10_000) for _ in range(20)), return_exceptions=True
    )
    assert isinstance(results[0], Refund)
    spent = 10_000 * results.count(None)
    refused = [each for each in results if isinstance(each, PaymentRequired)]
    assert len(refused) + spent // 10_000 == 20
    assert await shop.credits(shop.ann) == Credits(PACK - 120_000 - spent)
    await shop.assert_books_agree()
