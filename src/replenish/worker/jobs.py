"""What runs when. The rows are the jobs: each `run` takes a few that are due, so any number of workers may run them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from replenish.core.db import Database
from replenish.core.settings import Settings
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_by_schedule import grant_due_schedules
from replenish.flows.keep_house import make_usage_months
from replenish.flows.manage_workspaces import forget_request_keys
from replenish.flows.pay_checkout import expire_sessions
from replenish.flows.receive_event import act_on_events
from replenish.flows.reconcile_payments import reconcile_payments
from replenish.flows.refund_topup import reconcile_refunds
from replenish.payments.provider import Provider
from replenish.worker.recharge import (
    LINKS_EVERY_SECONDS,
    WALLETS_EVERY_SECONDS,
    end_expired_links,
    recharge_due_wallets,
)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of due rows. `run` does at most one batch and returns how much it found; while it finds some, it runs again."""

    name: str
    every_seconds: float
    run: Callable[[], Awaitable[int]]


def jobs(db: Database, *, providers: Mapping[str, Provider], settings: Settings) -> Sequence[Job]:
    """Every job that needs nothing but the database and the providers."""
    return (
        Job(
            name="recharge due wallets",
            every_seconds=WALLETS_EVERY_SECONDS,
            run=lambda: recharge_due_wallets(db, providers=providers, settings=settings),
        ),
        Job(
            name="act on outside events",
            every_seconds=0.5,
            run=lambda: act_on_events(db=db, providers=providers),
        ),
        Job(
            name="reconcile payments",
            every_seconds=1.0,
            run=lambda: reconcile_payments(db=db, providers=providers),
        ),
        Job(
            name="carry refunds on",
            every_seconds=1.0,
            run=lambda: reconcile_refunds(db=db, providers=providers),
        ),
        Job(
            name="end expired links",
            every_seconds=LINKS_EVERY_SECONDS,
            run=lambda: end_expired_links(db, providers=providers),
        ),
        Job(name="book starts and expiries", every_seconds=1.0, run=lambda: book_due_wallets(db)),
        Job(name="grant by schedule", every_seconds=0.5, run=lambda: grant_due_schedules(db=db)),
        Job(name="expire checkout sessions", every_seconds=15.0, run=lambda: expire_sessions(db=db)),
        Job(name="forget old request keys", every_seconds=3600.0, run=lambda: forget_request_keys(db=db)),
        Job(name="make months for usage", every_seconds=6 * 3600.0, run=lambda: make_usage_months(db=db)),
    )
