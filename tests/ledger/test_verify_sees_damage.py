"""`replenish verify` proves what it checks: whatever is damaged in a table of the books, it says so.

The live schema is walked, so that a new table, or a new number in an old one, fails here until its damage is reported or its
reason why nobody needs to look stands below. The `sandbox` schema is the outside world's, not ours.
"""

from __future__ import annotations

import pytest
from tests.ledger.damage import damages, tables, wreck
from tests.ledger.life import live

from replenish.core.db import Database
from replenish.providers.sandbox.sandbox import open_sandbox
from replenish.reports.verify import verify
from support.shop import BASE_URL, SECRET

pytestmark = pytest.mark.anyio

_TERMS = "terms that a merchant or customer may change at will; what they led to stands, priced, in the books' own rows"
_DOORS = "who may come in: no credits and no money"
_POST = "messages on their way, and what became of them; the events they carry are watched"
_LEASES = "work still to do, claimed and deleted by workers"
NOT_WATCHED: dict[str, str] = {
    "workspaces": _TERMS,
    "payment_currencies": _TERMS,
    "meters": _TERMS,
    "campaigns": _TERMS,
    "products": _TERMS,
    "prices": _TERMS,
    "price_options": _TERMS,
    "payment_links": _TERMS,
    "recharge_rules": _TERMS,
    "grant_schedules": _TERMS,
    "budgets": _TERMS,
    "recharge_settings": _TERMS,
    "customers": "names and addresses; the wallet's row stands for its owner",
    "consents": "words that were agreed to, kept by a trigger; the sums they allow are compared by no job",
    "payment_methods": "what the provider keeps for us; a charge names its own in the payment",
    "checkout_sessions": "a page and its end; its purchase is a top-up",
    "outside_objects": "a directory of the provider's ids; without an entry, its message is looked up again",
    "inbox": "what the provider said; what it led to is a payment",
    "request_keys": "answers to repeat, kept for 30 days",
    "resent_requests": "answers to repeat, kept for seconds",
    "api_keys": _DOORS,
    "client_keys": _DOORS,
    "client_settings": _DOORS,
    "operators": _DOORS,
    "operator_sessions": _DOORS,
    "portal_sessions": _DOORS,
    "audit_entries": "who did what in the admin, kept by a trigger; what it did is in the books",
    "webhook_endpoints": _POST,
    "ipn_targets": _POST,
    "ipn_secrets": _POST,
    "ipn_deliveries": _POST,
    "ipn_tries": _POST,
    "wallets_due": _LEASES,
    "schema_migrations": "the program's own versions; `replenish migrate` looks at them",
}
UNSEEN: dict[str, str] = {
    "holds.value": "for how much it was asked, to rate what is added with it; what it reserved is recorded",
    "wallets.act_below": "when to wake the worker, which decides by the rule itself",
    "lots.priority": "a term of the grant: which lot pays first, not how much; what was paid is recorded",
    "top_ups.credit_priority": "a term of the sale, which its lot has a copy of",
    "top_ups.valid_duration_value": "a term of the sale, which became the lot's expires_at",
    "payments.looks": "how often the reconciler has asked",
    "refunds.looks": "how often the worker has asked",
}


async def test_every_table_is_damaged_here_or_says_why_not(db: Database) -> None:
    there = await tables(db.pool)
    assert set(NOT_WATCHED) <= set(there), "a table that is gone"
    assert {name.split(".")[0] for name in UNSEEN} <= set(there) - set(NOT_WATCHED)


@pytest.mark.timeout(600)
async def test_law_01_to_15_verify_reports_each_damaged_row(db: Database, database_url: str) -> None:
    """A number changed, a row moved to another owner, deleted, added: each row of each table in turn."""
    sandbox = await open_sandbox(
        database_url=database_url, base_url=BASE_URL, secret=SECRET, allow_live=False, settle_seconds=3600
    )
    await live(db, sandbox)
    await sandbox.close()
    verdict = await verify(db)
    assert verdict.clean, verdict.differences
    watched = [table for table in await tables(db.pool) if table not in NOT_WATCHED]
    not_reported, not_there, needless = [], [], []
    async with wreck(db.pool) as ruin:
        assert await ruin.first_report() is None
        for table in watched:
            for damage in await damages(db.pool, table):
                rows, unseen = await ruin.unseen(damage)
                if not rows:
                    not_there.append(damage.name)
                if unseen and damage.name not in UNSEEN:
                    not_reported.append(f"{damage.name}: {unseen} of {rows}")
                if not unseen and damage.name in UNSEEN:
                    needless.append(damage.name)
    assert not_reported == []
    # A life that leaves no row of a kind proves nothing about it.
    assert not_there == []
    assert needless == [], "reported after all"
