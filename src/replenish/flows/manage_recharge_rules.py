"""Switching automatic top-up on and off, changing it, suspending and resuming it (law 12, 13)."""

from collections.abc import Sequence
from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access import queries as workspaces
from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency
from replenish.core.db import Database, Reads
from replenish.core.errors import Invalid, NotFound, Refusal
from replenish.core.ids import CONSENT, RECHARGE_RULE, CurrencyId, CustomerId, RechargeRuleId, WorkspaceId
from replenish.core.transaction import Tx, transaction
from replenish.customers import queries as customers
from replenish.flows import _recharge_facts as facts
from replenish.flows._providers import Providers
from replenish.flows._recharge_events import RuleVerb, rule_event
from replenish.flows._recharge_parts import call_off, rearm, tell
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.payments.model import PaymentMethod
from replenish.recharge import operations as recharge
from replenish.recharge import queries as recharge_queries
from replenish.recharge.drafts import check, needs_consent, terms_of, wording
from replenish.recharge.model import (
    Consent,
    ConsentOutdated,
    Draft,
    GivenConsent,
    Rule,
    SuspendedReason,
    Terms,
)
from replenish.recharge.policy import NoCharge, Offer, why_suspended
from replenish.topups import queries as topups
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries
from replenish.wallets.book import Book
from replenish.wallets.model import WalletRef

_OK: Final = 200


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """`charges_now`: the balance is below the threshold already, so a worker is on its way."""

    rule_id: RechargeRuleId
    replayed: bool
    charges_now: bool


class _Checked(msgspec.Struct, frozen=True):
    """A draft that may be saved, and what a consent to it says and covers (None: it names no method to charge)."""

    draft: Draft
    method: PaymentMethod | None
    terms: Terms | None
    wording: str


async def save_rule(
    *,
    db: Database,
    providers: Providers,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    currency_id: CurrencyId,
    draft: Draft,
    consent: GivenConsent | None = None,
    request_key: RequestKey | None = None,
) -> Saved:
    """Make or change the rule of the customer's wallet of this credit currency.

    Switching on or raising anything needs `consent`; in the portal its wording is the one `wording_of` showed. An
    attempt on which nothing can have been paid is called off and decided anew. Raises Invalid naming the field
    (`consent_required`, `never_satisfiable`, `cap_below_purchase`…), NotFound, ConsentOutdated.
    """
    ref = WalletRef(workspace_id, customer_id, currency_id)
    credit = await _credit_currency(db, ref)
    checked = await _checked_or_why_not(db, providers, ref, credit, draft)
    rule_id = RECHARGE_RULE.new()
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        before = await recharge.lock_rule(tx, customer_id=customer_id, wallet_id=book.wallet.id)
        rule_id = rule_id if before is None else before.id
        if await access.claim_request_key(tx, request_key, rule_id, _OK) is not None:
            return Saved(rule_id=rule_id, replayed=True, charges_now=False)
        if isinstance(checked, Refusal):
            raise checked
        rule = _drawn_up(before, checked, book=book, rule_id=rule_id)
        rule = await _consented(tx, rule, before=before, checked=checked, given=consent)
        verb = _verb(before, rule)
        saved = await _write(tx, book=book, rule=rule, verb=verb, detail="The rule was changed.")
    return Saved(rule_id=rule_id, replayed=False, charges_now=saved)


async def wording_of(
    *,
    db: Database,
    providers: Providers,
    workspace_id: WorkspaceId,
    customer_id: CustomerId,
    currency_id: CurrencyId,
    draft: Draft,
) -> str:
    """The sentence to show beside the box that the customer ticks; writes nothing. Raises what `save_rule` would."""
    ref = WalletRef(workspace_id, customer_id, currency_id)
    checked = await _checked(db, providers, ref, await _credit_currency(db, ref), draft)
    return checked.wording


async def disable_rule(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    rule_id: RechargeRuleId,
    customer_id: CustomerId | None = None,
    request_key: RequestKey | None = None,
) -> None:
    """Off at once, and an attempt on which nothing can have been paid is called off. Raises NotFound."""
    found = await recharge_queries.rule(db, workspace_id=workspace_id, rule_id=rule_id, customer_id=customer_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    async with transaction(db) as tx:
        book, rule = await _open(tx, ref)
        if await access.claim_request_key(tx, request_key, rule_id, _OK) is not None or not rule.enabled:
            return
        rule = msgspec.structs.replace(
            rule, enabled=False, reason=None, reason_detail=None, reason_until=None, reason_at=None
        )
        await _write(tx, book=book, rule=rule, verb="disabled", detail="Automatic top-up was switched off.")


async def resume_rule(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    rule_id: RechargeRuleId,
    customer_id: CustomerId | None = None,
    request_key: RequestKey | None = None,
) -> bool:
    """End a suspension or a pause by hand (law 13); returns whether it charges now. Raises NotFound.

    A customer (`customer_id`) cannot end a suspension that is not about their card: that is the merchant's to do.
    """
    found = await recharge_queries.rule(db, workspace_id=workspace_id, rule_id=rule_id, customer_id=customer_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    async with transaction(db) as tx:
        book, rule = await _open(tx, ref)
        if await access.claim_request_key(tx, request_key, rule_id, _OK) is not None:
            return False
        if customer_id is not None and rule.suspended_reason not in {None, "declined"}:
            raise Invalid("rule_id", "this suspension can only be ended by the merchant", code="suspended_by_merchant")
        if rule.suspended_at is None and rule.paused_until is None:
            return False
        return await _write(tx, book=book, rule=_lifted(rule), verb="resumed", detail=None)


async def suspend_rule(
    *,
    db: Database,
    workspace_id: WorkspaceId,
    rule_id: RechargeRuleId,
    reason: SuspendedReason = "operator",
) -> None:
    """Stop a rule until somebody resumes it, whatever the customer's card. Raises NotFound."""
    found = await recharge_queries.rule(db, workspace_id=workspace_id, rule_id=rule_id)
    ref = await wallet_queries.ref_of(db, customer_id=found.customer_id, wallet_id=found.wallet_id)
    async with transaction(db) as tx:
        book, rule = await _open(tx, ref)
        if rule.suspended_at is not None and rule.suspended_reason == reason:
            return
        rule = msgspec.structs.replace(rule, suspended_at=book.now, suspended_reason=reason)
        why = NoCharge(reason="suspended", detail=why_suspended(rule))
        pending = await topups.pending_credits(tx, customer_id=rule.customer_id, wallet_id=rule.wallet_id)
        # Whatever it was suspended for before, this is news.
        rule = msgspec.structs.replace(rule, reason=None)
        rule, told = await tell(tx, book=book, rule=rule, refusal=why, pending=pending)
        await _write(tx, book=book, rule=rule, verb="suspended", detail=why.detail, events=told)


# ── drawing a rule up ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _credit_currency(db: Reads, ref: WalletRef) -> PaymentCurrency:
    await customers.customer(db, workspace_id=ref.workspace_id, customer_id=ref.customer_id)
    credit = await catalog.currency(db, workspace_id=ref.workspace_id, currency_id=ref.currency_id)
    if credit.type != "credit":
        raise Invalid("currency_id", "is not a credit currency")
    return credit


async def _checked_or_why_not(
    db: Reads, providers: Providers, ref: WalletRef, credit: PaymentCurrency, draft: Draft
) -> _Checked | Refusal:
    """The refusal is a value: a replay is answered even if price or method are gone by now, and that is known only later."""
    try:
        return await _checked(db, providers, ref, credit, draft)
    except Refusal as refusal:
        return refusal


async def _checked(db: Reads, providers: Providers, ref: WalletRef, credit: PaymentCurrency, draft: Draft) -> _Checked:
    sale = await facts.sale_of(db, ref=ref, price_id=draft.price_id, currency_id=draft.currency_id)
    if sale is None:
        raise Invalid("price_id", f"is not a price that grants {credit.name} and is sold in this payment currency")
    offer = facts.offer_of(sale, await facts.settings_of(db, sale), agreed=False)
    check(draft, offer=offer, credit_decimals=credit.decimals)
    method = await _method(db, providers, ref.customer_id, draft, offer)
    if method is None:
        return _Checked(draft, None, None, "")
    merchant = (await workspaces.workspace(db, workspace_id=ref.workspace_id)).name
    shown = facts.label(method)
    terms = terms_of(draft, offer=offer, method=shown)
    return _Checked(
        draft, method, terms, wording(draft, offer=offer, merchant=merchant, method=shown, unit=credit.name)
    )


async def _method(
    db: Reads, providers: Providers, customer_id: CustomerId, draft: Draft, offer: Offer
) -> PaymentMethod | None:
    if draft.payment_method_id is None:
        if draft.enabled:
            raise Invalid("payment_method_id", "an enabled rule needs a saved payment method")
        return None
    method = await facts.method_of(db, customer_id=customer_id, method_id=draft.payment_method_id)
    if method is None:
        raise Invalid("payment_method_id", "is not a saved payment method of this customer")
    seen = facts.chargeable(method, providers=providers, currency=offer.sale.unit.currency)
    if draft.enabled and (seen is None or not seen.usable):
        raise Invalid("payment_method_id", f"cannot be charged in {offer.sale.unit.currency}")
    return method


def _drawn_up(before: Rule | None, checked: _Checked, *, book: Book, rule_id: RechargeRuleId) -> Rule:
    draft = checked.draft
    rule = before or Rule(
        customer_id=book.wallet.customer_id,
        id=rule_id,
        workspace_id=book.wallet.workspace_id,
        wallet_id=book.wallet.id,
        enabled=False,
        threshold=draft.threshold,
        mode=draft.mode,
        packs=draft.packs,
        target=draft.target,
        price_id=draft.price_id,
        currency_id=draft.currency_id,
        payment_method_id=draft.payment_method_id,
        created_at=book.now,
        updated_at=book.now,
    )
    switched_on = draft.enabled and not rule.enabled
    another_method = checked.method is not None and checked.method.fingerprint != rule.declined_fingerprint
    if rule.suspended_reason in {None, "declined"} and (switched_on or another_method):
        rule = _lifted(rule)
    return msgspec.structs.replace(
        rule,
        enabled=draft.enabled,
        threshold=draft.threshold,
        mode=draft.mode,
        packs=draft.packs,
        target=draft.target,
        price_id=draft.price_id,
        currency_id=draft.currency_id,
        payment_method_id=draft.payment_method_id,
        charge_amount_max=draft.charge_amount_max,
        day_amount_max=draft.day_amount_max,
        day_count_max=draft.day_count_max,
        month_amount_max=draft.month_amount_max,
        # What stood in the way may be gone; the next look says what does now.
        reason=None if rule.suspended_at is None else rule.reason,
        reason_detail=None if rule.suspended_at is None else rule.reason_detail,
        reason_until=None,
        reason_at=None if rule.suspended_at is None else rule.reason_at,
        updated_at=book.now,
    )


async def _consented(tx: Tx, rule: Rule, *, before: Rule | None, checked: _Checked, given: GivenConsent | None) -> Rule:
    """Record who agreed to what (law 12), before the rule that stands on it."""
    if not needs_consent(before, checked.draft):
        return rule
    if given is None or not given.wording.strip():
        detail = "switching automatic top-up on, or raising what it may charge, needs the customer's consent"
        raise Invalid("consent", detail, code="consent_required")
    if checked.terms is None:
        raise Invalid("payment_method_id", "an enabled rule needs a saved payment method")
    if given.actor == "customer" and given.wording != checked.wording:
        raise ConsentOutdated
    consent = Consent(
        customer_id=rule.customer_id,
        id=CONSENT.new(),
        workspace_id=rule.workspace_id,
        rule_id=rule.id,
        actor=given.actor,
        wording=given.wording,
        terms=checked.terms,
        ip=given.ip,
        user_agent=given.user_agent,
        created_at=rule.updated_at,
    )
    await recharge.add_consent(tx, consent=consent)
    return msgspec.structs.replace(rule, consent_id=consent.id)


def _lifted(rule: Rule) -> Rule:
    return msgspec.structs.replace(
        rule,
        declines_in_a_row=0,
        declined_fingerprint=None,
        paused_until=None,
        suspended_at=None,
        suspended_reason=None,
        reason=None,
        reason_detail=None,
        reason_until=None,
        reason_at=None,
    )


def _verb(before: Rule | None, rule: Rule) -> RuleVerb:
    was_on = before is not None and before.enabled
    if rule.enabled and not was_on:
        return "enabled"
    return "disabled" if was_on and not rule.enabled else "changed"


async def _open(tx: Tx, ref: WalletRef) -> tuple[Book, Rule]:
    book = (await wallets.open_books(tx, refs=[ref]))[ref]
    rule = await recharge.lock_rule(tx, customer_id=ref.customer_id, wallet_id=book.wallet.id)
    if rule is None:
        raise NotFound("recharge rule")
    return book, rule


async def _write(
    tx: Tx, *, book: Book, rule: Rule, verb: RuleVerb, detail: str | None, events: Sequence[NewEvent] = ()
) -> bool:
    """Save a rule, call off what was decided under the old one (`detail` says why), and look at the wallet again.

    Returns whether it charges now.
    """
    ended = [] if detail is None else await call_off(tx, book=book, rule=rule, detail=detail)
    await recharge.save_rule(tx, rule=rule)
    await rearm(tx, book=book, rule=rule)
    await wallets.save_books(tx, books=[book])
    await notifications.emit(tx, [*ended, *events, rule_event(rule, verb)])
    return rule.enabled and rule.suspended_at is None and book.balance < rule.threshold
