"""Acme sells packs of 200 credits for 10 USDC; Ann holds some, has a card, and sets automatic top-up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from replenish.catalog import queries as catalog
from replenish.catalog.model import OverdraftPolicy, PaymentCurrency
from replenish.catalog.operations.prices import CreditTerms
from replenish.core import ids
from replenish.core.clock import utc_now
from replenish.core.db import Database
from replenish.core.ids import CustomerId, PaymentMethodId, PriceId, WorkspaceId
from replenish.core.money import Credits
from replenish.core.transaction import transaction
from replenish.flows import manage_recharge_rules as rules
from replenish.flows._providers import Providers
from replenish.flows.auto_recharge import end_expired_link, recharge_due_wallet
from replenish.flows.buy_credits import buy_with_saved_method
from replenish.flows.grant_credits import grant_credits
from replenish.flows.manage_catalog import create_price, create_product
from replenish.flows.manage_currencies import create_currency, update_recharge_config
from replenish.flows.manage_customers import create_customer
from replenish.flows.manage_workspaces import create_workspace, move_test_clock
from replenish.flows.reconcile_payments import reconcile_payments
from replenish.flows.record_usage import NewUsage, Recorded, record_usage
from replenish.payments import operations as payments
from replenish.payments.provider import MethodSaved, Provider
from replenish.providers.sandbox.bank import NewSetup
from replenish.providers.sandbox.cards import FieldErrors, read_card
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.recharge import queries
from replenish.recharge.model import Attempt, Draft, GivenConsent, Rule
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import WalletRef

START: Final = datetime(2031, 11, 24, 9, 30, tzinfo=UTC)
RETURN_URL: Final = "http://127.0.0.1:8700/portal/auto-recharge"
VISA, MASTERCARD = "4242424242424242", "5555555555554444"
DECLINES, LOST, ASKS = "4000000000000002", "4000000000009987", "4000002500003155"
REPLY_LOST, LATE = "4000000000011116", "4000000000033334"


class Stage(msgspec.Struct):
    db: Database
    sandbox: Sandbox
    providers: dict[str, Provider]
    workspace_id: WorkspaceId
    currency: PaymentCurrency
    usdc: PaymentCurrency
    price_id: PriceId
    ann: CustomerId
    spent: int = 0

    @property
    def ref(self) -> WalletRef:
        return WalletRef(self.workspace_id, self.ann, self.currency.id)

    # What Ann does

    async def save_card(self, number: str, *, customer_id: CustomerId | None = None) -> PaymentMethodId:
        """On the sandbox's page, as a browser would."""
        owner = customer_id or self.ann
        account = ids.WORKSPACE.text(self.workspace_id)
        card = read_card(number=number, expires="12/70", cvc="123", now=utc_now())
        assert not isinstance(card, FieldErrors)
        new = NewSetup(
            account=account,
            key=str(ids.CHECKOUT_SESSION.new()),
            customer=ids.CUSTOMER.text(owner),
            merchant="Acme",
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
            page_expires_at=utc_now() + timedelta(hours=1),
        )
        setup = await self.sandbox.bank.open_setup(new)
        await self.sandbox.bank.save_card(token=setup.token, card=card)
        saved = await self.sandbox.provider.look_up_method_page(account=account, outside_id=setup.id)
        assert isinstance(saved, MethodSaved)
        async with transaction(self.db) as tx:
            method_id, _ = await payments.save_method(
                tx,
                workspace_id=self.workspace_id,
                customer_id=owner,
                provider="sandbox",
                provider_account=account,
                details=saved.method,
            )
        return method_id

    def draft(self, card: PaymentMethodId | None, **fields: object) -> Draft:
        draft = Draft(
            enabled=True,
            threshold=Credits(150),
            price_id=self.price_id,
            currency_id=self.usdc.id,
            payment_method_id=card,
        )
        return msgspec.structs.replace(draft, **fields)

    async def agree(self, draft: Draft) -> rules.Saved:
        """Ann reads the sentence on the portal's page and ticks the box."""
        where = {
            "db": self.db,
            "providers": self.providers,
            "workspace_id": self.workspace_id,
            "customer_id": self.ann,
            "currency_id": self.currency.id,
            "draft": draft,
        }
        consent = GivenConsent(actor="customer", wording=await rules.wording_of(**where), ip="203.0.113.9")
        return await rules.save_rule(**where, consent=consent)

    async def set_rule(self, card: PaymentMethodId, **fields: object) -> Rule:
        saved = await self.agree(self.draft(card, **fields))
        return await queries.rule(self.db, workspace_id=self.workspace_id, rule_id=saved.rule_id)

    async def buy(self, card: PaymentMethodId, quantity: int = 1) -> None:
        """By hand, while she is there."""
        await buy_with_saved_method(
            db=self.db,
            providers=self.providers,
            workspace_id=self.workspace_id,
            customer_id=self.ann,
            price_id=self.price_id,
            quantity=quantity,
            return_url=RETURN_URL,
            currency_id=self.usdc.id,
            payment_method_id=card,
            customer_present=True,
        )

    async def authenticate(self, *, approved: bool) -> None:
        """Ann answers her bank, which sends word to nobody."""
        token = await self.sandbox._pool.fetchval("select token from sandbox.intents where state = 'authenticating'")
        await self.sandbox.bank.authenticate(token=token, approved=approved)

    # What Acme and its workers do

    async def give(self, amount: int) -> None:
        new = NewLot(amount=Credits(amount), category="promotional", source="api")
        await grant_credits(self.db, ref=self.ref, new=new)

    async def use(self, amount: int | str) -> None:
        self.spent += 1
        event = NewUsage(
            workspace_id=self.workspace_id,
            customer_id=self.ann,
            currency=self.currency,
            meter=None,
            key=f"u{self.spent}",
            value=Decimal(amount),
        )
        (outcome,) = await record_usage(self.db, events=[event])
        assert isinstance(outcome, Recorded)

    async def work(self, providers: Providers | None = None) -> None:
        """Everything that is due."""
        handed = providers or self.providers
        while await recharge_due_wallet(db=self.db, providers=handed, return_url=RETURN_URL):
            pass
        while await end_expired_link(db=self.db, providers=handed):
            pass

    async def reconcile(self) -> None:
        """As if every lease had run out."""
        await self.db.pool.execute("update payments set due_at = now() where due_at is not null")
        while await reconcile_payments(db=self.db, providers=self.providers):
            await self.db.pool.execute("update payments set due_at = null where due_at > now()")

    async def wait(self, **span: int) -> None:
        at = await self.db.pool.fetchval("select test_clock from workspaces where id = $1", self.workspace_id)
        await self.clock(at + timedelta(**span))

    async def clock(self, to: datetime) -> None:
        await move_test_clock(db=self.db, workspace_id=self.workspace_id, to=to)

    # What can be seen

    async def balance(self) -> int:
        found = await wallets.balance(self.db, ref=self.ref, now=START)
        return int(found.balance.value)

    async def rule(self) -> Rule:
        (rule,) = await queries.rules(self.db, workspace_id=self.workspace_id)
        return rule

    async def attempts(self) -> list[Attempt]:
        """Oldest first."""
        found = await queries.attempts(self.db, workspace_id=self.workspace_id, limit=10_000)
        return found[::-1]

    async def story(self) -> list[str]:
        """`succeeded 1`, `refused cap_month`: states with packs or reasons, oldest first."""
        return [
            f"{attempt.state} {attempt.packs if attempt.state == 'succeeded' else attempt.reason}"
            for attempt in await self.attempts()
        ]

    async def charged(self) -> int:
        """What the bank has taken, by its own books."""
        query = "select coalesce(sum(amount - refunded), 0)::int from sandbox.intents where state = 'succeeded'"
        return await self.sandbox._pool.fetchval(query)

    async def told(self, prefix: str = "recharge_") -> list[str]:
        query = "select type from events where starts_with(type, $1) order by number"
        return [row["type"] for row in await self.db.pool.fetch(query, prefix)]


async def set_up(db: Database, sandbox: Sandbox, *, overdraft: OverdraftPolicy = "unlimited") -> Stage:
    twins = await create_workspace(db=db, name="Acme")
    workspace_id = twins.test
    await move_test_clock(db=db, workspace_id=workspace_id, to=START)
    credit_id = await create_currency(db=db, workspace_id=workspace_id, name="credits", overdraft_policy=overdraft)
    usdc = await catalog.find_currency(db, workspace_id=workspace_id, key="USDC")
    product_id = await create_product(db=db, workspace_id=workspace_id, name="Pack", type_="credit")
    price_id = await create_price(
        db=db,
        workspace_id=workspace_id,
        product_id=product_id,
        currency_id=usdc.id,
        unit_amount="10",
        credit_terms=CreditTerms(currency_id=credit_id, amount="200"),
    )
    await update_recharge_config(db=db, workspace_id=workspace_id, currency_id=credit_id, base_price_id=price_id)
    return Stage(
        db=db,
        sandbox=sandbox,
        providers={"sandbox": sandbox.provider},
        workspace_id=workspace_id,
        currency=await catalog.currency(db, workspace_id=workspace_id, currency_id=credit_id),
        usdc=usdc,
        price_id=price_id,
        ann=await create_customer(db=db, workspace_id=workspace_id, external_id="ann"),
    )
