"""Grant what schedules owe. The schedule's row is the job.

A worker leases a due schedule, then decides its periods under its wallet's lock (law 2), where it sees what others did
meanwhile. Killed in between, it leaves a lease that runs out. A period is granted once: its row is unique, and is written in
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


async def grant_due_schedule(*, db: Database) -> bool:
    """Decide the due periods of one schedule. False when none was due.

    Raises what the database raises; the schedule is left alone then until its lease runs out.
    """
    async with transaction(db) as tx:
        due = await schedules.claim_due(tx)
    if due is None:
        return False
    await grant_periods(db=db, due=due)
    return True


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
