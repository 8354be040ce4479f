"""Grant what schedules owe. The schedule's row is the job.

A worker leases due schedules, then decides the periods of each under its wallet's lock (law 2), where it sees what others
did meanwhile. Killed in between, it leaves a lease that runs out. A period is granted once: its row is unique, and is written in
the transaction that writes its lot.
"""

from replenish.core.db import Database
from replenish.core.transaction import transaction
from replenish.flows._schedule_parts import decide_periods
from replenish.notifications import operations as notifications
from replenish.schedules import operations as schedules
from replenish.schedules.model import Schedule
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries


async def grant_due_schedules(*, db: Database) -> int:
    """Decide the due periods of a few schedules, each in a transaction of its own. Returns how many were due.

    Raises the first failure after the others are done; a schedule that fails is left alone until its lease runs out.
    """
    async with transaction(db) as tx:
        due = await schedules.claim_due(tx)
    failure: Exception | None = None
    for schedule in due:
        try:
            await grant_periods(db=db, due=schedule)
        except Exception as error:  # noqa: BLE001 - raised again below, once the others have their credits
            failure = failure or error
    if failure is not None:
        raise failure
    return len(due)


async def grant_periods(*, db: Database, due: Schedule) -> None:
    """The second transaction: safe whoever else is at it, with the lease or without."""
    ref = await wallet_queries.ref_of(db, customer_id=due.customer_id, wallet_id=due.wallet_id)
    async with transaction(db) as tx:
        book = (await wallets.open_books(tx, refs=[ref]))[ref]
        schedule = await schedules.lock_schedule(tx, customer_id=due.customer_id, schedule_id=due.id)
        schedule, events = await decide_periods(tx, book=book, schedule=schedule)
        await schedules.save_schedule(tx, schedule=schedule)
        await wallets.save_books(tx, books=[book])
        await notifications.emit(tx, events)
