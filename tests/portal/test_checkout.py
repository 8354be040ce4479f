"""Payment links and checkout sessions: for strangers, who learn nothing about anybody."""

from datetime import timedelta

import pytest
from tests.portal.shop import DECLINES, LATE, SECRET, VISA, Shop, Visitor

from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentLink
from replenish.core.clock import utc_now
from replenish.core.ids import CURRENCY
from replenish.customers.vouchers import voucher
from replenish.flows.manage_customers import create_customer
from replenish.flows.manage_payment_links import create_payment_link
from replenish.flows.manage_workspaces import create_workspace
from replenish.flows.open_checkout import create_checkout_session
from replenish.payments import queries as payments

pytestmark = pytest.mark.anyio


async def link_of(shop: Shop, **fields: object) -> PaymentLink:
    where = {"db": shop.db, "workspace_id": shop.workspace_id, "price_id": shop.price_id}
    link_id = await create_payment_link(**(where | fields))
    return await catalog.link(shop.db, workspace_id=shop.workspace_id, link_id=link_id)


async def session_of(shop: Shop, **fields: object) -> str:
    where = {"db": shop.db, "workspace_id": shop.workspace_id, "price_id": shop.price_id, "customer_id": shop.ann}
    session_id, _ = await create_checkout_session(**(where | fields))
    return (await payments.session(shop.db, workspace_id=shop.workspace_id, session_id=session_id)).slug


async def rows(shop: Shop, table: str) -> int:
    return await shop.db.pool.fetchval(f"select count(*) from {table}")  # noqa: S608 - a name of ours


async def test_a_stranger_buys_by_a_payment_link(shop: Shop) -> None:
    link = await link_of(shop, after_completion_url="https://northwind.example/thanks")
    cat = shop.visitor()
    await cat.go(f"/checkout/pay/{link.slug}?qty=2&cancel_url=https://northwind.example/shop")
    assert "20 USDC" in cat.text
    assert 'href="https://northwind.example/shop"' in cat.html
    assert await rows(shop, "checkout_sessions") == 0, "looking makes nothing"
    await cat.send(says="Pay 20 USDC", email="Cat@Example.com")
    await cat.type_card(VISA)
    assert "400,000 API calls were added." in cat.text
    assert "You now have" not in cat.text, "who types an address has proved nothing"
    assert "Return to northwind.example" in cat.text
    assert await shop.db.pool.fetchval("select count(*) from customers where external_id = 'cat@example.com'") == 1


async def test_law_16_typing_anns_address_shows_nothing_of_hers(shop: Shop) -> None:
    await shop.give(shop.ann, 123_456)
    await shop.db.pool.execute("update customers set external_id = 'ann@example.com' where id = $1", shop.ann)
    link = await link_of(shop)
    eve = shop.visitor()
    await eve.go(f"/checkout/pay/{link.slug}")
    await eve.send(says="Pay 10 USDC", email="ann@example.com")
    await eve.type_card(VISA)
    slug = eve.at.split("/checkout/")[1].split("/")[0]
    for page in (f"/checkout/{slug}", f"/checkout/{slug}/return"):
        await eve.go(page)
        assert "123,456" not in eve.text
        assert "323,456" not in eve.text
        assert "Save my card" not in eve.text
    assert await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann) == []


async def test_law_16_paying_for_ann_by_her_link_shows_her_name_and_nothing_more(shop: Shop) -> None:
    await shop.give(shop.ann, 123_456)
    link = await link_of(shop)
    token = voucher(shop.ann, secret_key=SECRET)
    ben = shop.visitor()
    await ben.go(f"/checkout/pay/{link.slug}?for={token}")
    assert "The credits go to the account of Ann Lee ." in ben.text
    assert "E-mail" not in ben.text
    await ben.send(says="Show the price", quantity="2")
    await ben.send(says="Pay 20 USDC")
    (session,) = await shop.db.pool.fetch("select slug, customer_id, customer_known from checkout_sessions")
    assert (session["customer_id"], session["customer_known"]) == (shop.ann, False)
    paying = ben.at
    for address, named in ((f"/checkout/{session['slug']}?for={token}", True), (f"/checkout/{session['slug']}", False)):
        await ben.go(address)
        assert ("Ann Lee" in ben.text, "E-mail" in ben.text, "123,456" in ben.text) == (named, False, False)
        assert "Save my card" not in ben.text
    await ben.go(paying)
    await ben.type_card(VISA)
    assert "400,000 API calls were added." in ben.text
    assert "You now have" not in ben.text
    assert await shop.db.pool.fetchval("select customer_id from top_ups") == shop.ann
    assert await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann) == []
    assert await rows(shop, "customers") == 2


async def test_an_account_without_a_name_is_told_by_its_masked_address(shop: Shop) -> None:
    await shop.db.pool.execute("update customers set name = '' where id = $1", shop.ann)
    link = await link_of(shop)
    ann = shop.visitor()
    await ann.go(f"/checkout/pay/{link.slug}?for={voucher(shop.ann, secret_key=SECRET)}")
    assert "the account of a···@example.com" in ann.text
    assert "ann@example.com" not in ann.html


@pytest.mark.parametrize("broken", ["other key", "swapped", "elsewhere", "nonsense"])
async def test_law_16_a_link_that_names_nobody_asks_as_for_a_stranger(shop: Shop, broken: str) -> None:
    ann, ben = (voucher(one, secret_key=SECRET) for one in (shop.ann, shop.ben))
    twins = await create_workspace(db=shop.db, name="Southwind")
    eve = await create_customer(db=shop.db, workspace_id=twins.test, external_id="eve", name="Eve")
    given = {
        "other key": voucher(shop.ann, secret_key=SECRET + "!"),
        "swapped": f"{ann.partition('.')[0]}.{ben.partition('.')[2]}",
        "elsewhere": voucher(eve, secret_key=SECRET),
        "nonsense": "%FF.%F0",
    }[broken]
    link = await link_of(shop)
    cat = shop.visitor()
    await cat.go(f"/checkout/pay/{link.slug}?for={given}")
    assert (cat.status, "E-mail" in cat.text) == (200, True)
    assert "does not say whose account is topped up" in cat.text
    for name in ("Ann Lee", "Ben Oduya", "Eve"):
        assert name not in cat.text
    await cat.send(says="Pay 10 USDC", email="cat@example.com")
    await cat.type_card(VISA)
    told = await shop.db.pool.fetchval("select c.external_id from top_ups t join customers c on c.id = t.customer_id")
    assert told == "cat@example.com"


async def buyer_of(shop: Shop, email: str) -> tuple[int, str, str | None]:
    """Status, text, and whose top-up it made."""
    link = await link_of(shop)
    buyer = shop.visitor()
    await buyer.go(f"/checkout/pay/{link.slug}")
    await buyer.send(says="Pay 10 USDC", email=email)
    found = await shop.db.pool.fetchval("select c.external_id from top_ups t join customers c on c.id = t.customer_id")
    return buyer.status, buyer.text, found


async def test_who_types_their_address_buys_for_their_one_account(shop: Shop) -> None:
    await shop.db.pool.execute("update customers set email = 'Ann@Example.com' where id = $1", shop.ann)
    status, text, bought_for = await buyer_of(shop, "aNN@example.com")
    assert (status, bought_for) == (200, "ann"), text
    assert await rows(shop, "customers") == 2


async def test_an_address_of_several_accounts_is_refused(shop: Shop) -> None:
    await shop.db.pool.execute("update customers set email = 'ANN@example.com' where id = $1", shop.ben)
    status, text, bought_for = await buyer_of(shop, "ann@example.com")
    assert (status, bought_for) == (422, None)
    assert "Several accounts use this address. Please open your own billing page to buy." in text
    assert await rows(shop, "checkout_sessions") == 0


async def test_an_account_named_by_the_address_that_another_one_has_is_nobody_s_guess(shop: Shop) -> None:
    """Paid credits went to the account with the e-mail, while the debt of the one named by it stayed."""
    await shop.db.pool.execute(
        "update customers set external_id = 'ann@example.com', email = null where id = $1", shop.ben
    )
    status, text, bought_for = await buyer_of(shop, "ann@example.com")
    assert (status, bought_for) == (422, None)
    assert "Several accounts use this address." in text


async def test_an_account_named_by_an_address_is_found_when_no_e_mail_is_it(shop: Shop) -> None:
    await shop.db.pool.execute(
        "update customers set external_id = 'ben@home.example', email = null where id = $1", shop.ben
    )
    _, text, bought_for = await buyer_of(shop, "Ben@home.example")
    assert bought_for == "ben@home.example", text
    assert await rows(shop, "customers") == 2


async def test_a_session_of_a_known_customer_shows_what_they_will_have(shop: Shop) -> None:
    await shop.give(shop.ann, 5)
    slug = await session_of(shop, success_url="https://northwind.example/done")
    ann = shop.visitor()
    await ann.go(f"/checkout/{slug}")
    assert "Afterwards 200,005 API calls" in ann.text
    assert "E-mail" not in ann.text
    await ann.send(says="Show the price", quantity="2", pay_in=CURRENCY.text(shop.eur.id))
    await ann.send(says="Pay €18", save="yes")
    await ann.type_card(VISA)
    assert "You now have 400,005 API calls" in ann.text
    assert "Return to northwind.example" in ann.text
    await ann.go(f"/checkout/{slug}")
    assert ann.at.endswith("/return"), "paid once, it is not sold again"
    assert len(await payments.methods(shop.db, workspace_id=shop.workspace_id, customer_id=shop.ann)) == 1


async def test_a_session_that_saves_a_card(shop: Shop) -> None:
    slug = await session_of(shop, mode="setup", price_id=None)
    ann = shop.visitor()
    await ann.go(f"/checkout/{slug}")
    await ann.send(says="Continue")
    await ann.type_card(VISA)
    assert "Your card is saved. Nothing was charged." in ann.text


async def test_declined_then_another_card(shop: Shop) -> None:
    slug = await session_of(shop)
    ann = shop.visitor()
    await ann.go(f"/checkout/{slug}")
    await ann.send(says="Pay 10 USDC")
    await ann.send(number=DECLINES, expires="12/70", cvc="123")
    assert "declined" in ann.text
    await ann.go(f"/checkout/{slug}/return")
    assert "Nothing was charged" in ann.text
    await ann.go(f"/checkout/{slug}")
    await ann.send(says="Pay 10 USDC")
    await ann.type_card(VISA)
    assert "200,000 API calls were added" in ann.text


async def test_waiting_looks_again_without_a_script(shop: Shop) -> None:
    slug = await session_of(shop)
    ann = shop.visitor()
    await ann.go(f"/checkout/{slug}")
    await ann.send(says="Pay 10 USDC")
    await ann.type_card(LATE)
    assert "Do not pay again" in ann.text
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in ann.html


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"email": "not an address"}, "is not an e-mail address"),
        ({"email": ""}, "is not an e-mail address"),
        ({"email": "cat@example.com", "quantity": "51"}, "between 1 and 50"),
        ({"email": "cat@example.com", "quantity": "x"}, "not a whole number"),
        ({"email": "cat@example.com", "pay_in": "pc_nothing"}, "no currency that this can be paid in"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_made(shop: Shop, fields: dict[str, str], says: str) -> None:
    link = await link_of(shop)
    cat = shop.visitor()
    await cat.go(f"/checkout/pay/{link.slug}")
    (form,) = [one for one in cat.forms() if one.method == "post"]
    answer = await cat.post(f"/checkout/pay/{link.slug}", form.fields | fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert (await rows(shop, "top_ups"), await rows(shop, "customers")) == (0, 2)


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/\\evil.example",
        "https://user@evil.example",
        "ftp://x",
    ],
)
async def test_law_17_addresses_to_return_to_are_plain_ones_and_never_gone_to_by_themselves(
    shop: Shop, target: str
) -> None:
    link = await link_of(shop)
    cat = shop.visitor()
    await cat.http.get("/")
    await cat.go(f"/checkout/pay/{link.slug}?redirect={target}&cancel_url={target}")
    assert f'href="{target}"' not in cat.html
    await cat.send(says="Pay 10 USDC", email="cat@example.com")
    await cat.type_card(VISA)
    assert "Return to" not in cat.text


async def test_a_return_address_is_a_click_that_names_its_site(shop: Shop) -> None:
    link = await link_of(shop)
    cat = shop.visitor()
    await cat.go(f"/checkout/pay/{link.slug}?redirect=https://elsewhere.example/path?northwind.example")
    await cat.send(says="Pay 10 USDC", email="cat@example.com")
    await cat.type_card(VISA)
    assert cat.at.endswith("/return")
    assert "Return to elsewhere.example" in cat.text


async def test_an_ended_session_offers_to_start_again(shop: Shop) -> None:
    slug = await session_of(shop)
    await shop.db.pool.execute("update checkout_sessions set expires_at = $1", utc_now() - timedelta(seconds=1))
    ann = shop.visitor()
    await ann.go(f"/checkout/{slug}")
    assert (ann.status, "This checkout has ended" in ann.text) == (410, True)


async def test_a_fixed_quantity_stays_fixed(shop: Shop) -> None:
    link = await link_of(shop, quantity=3, quantity_adjustable=False)
    cat = shop.visitor()
    await cat.go(f"/checkout/pay/{link.slug}?qty=1&quantity=1")
    assert "30 USDC" in cat.text
    (form,) = [one for one in cat.forms() if one.method == "post"]
    answer = await cat.post(f"/checkout/pay/{link.slug}", form.fields | {"quantity": "1", "email": "c@example.com"})
    assert answer.status_code == 303
    assert await shop.db.pool.fetchval("select quantity from top_ups") == 3


async def test_ann_buys_by_link_in_her_portal(shop: Shop) -> None:
    link = await link_of(shop, quantity=2)
    ann = await shop.entered(shop.ann)
    await ann.go(f"/checkout/pay/{link.slug}")
    portal: Visitor = ann
    await portal.go(f"/portal/buy?link={link.slug}&quantity=2")
    await portal.send(says="Pay 20 USDC")
    await portal.type_card(VISA)
    assert "400,000 API calls" in portal.text


@pytest.mark.parametrize("path", ["/checkout/pay/nothing", "/checkout/nothing", "/checkout/nothing/return"])
async def test_unknown_addresses_are_not_found(shop: Shop, path: str) -> None:
    cat = shop.visitor()
    await cat.go(path)
    assert cat.status == 404


@pytest.mark.parametrize("path", ["/checkout/pay/{link}", "/checkout/{session}"])
async def test_law_17_public_forms_need_their_token(shop: Shop, path: str) -> None:
    link, session = await link_of(shop), await session_of(shop)
    cat = shop.visitor()
    refused = await cat.post(path.format(link=link.slug, session=session), {"quantity": "1", "email": "c@example.com"})
    assert refused.status_code == 403
