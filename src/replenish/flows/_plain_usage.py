"""Usage as columns for the one statement that debits what is plain, and its answer as recorded events. Pure."""

from collections.abc import Sequence

import msgspec

from replenish.catalog.rating import Charge
from replenish.core import ids
from replenish.core.errors import Refusal
from replenish.core.ids import MeterId
from replenish.core.money import EXACT, NO_CREDITS, ZERO, Credits
from replenish.flows._usage import NewUsage, Recorded, charge_of, fingerprint, rating_of, tiers_of
from replenish.usage.model import UsageEvent
from replenish.usage.plain import Events, PlainBatch, PlainDebit, Wallets


def plain_batch(events: Sequence[NewUsage]) -> tuple[PlainBatch | None, Sequence[int]]:
    """These events as columns, wallet by wallet, and where each column's entry stands among them.

    Without the wallets that cannot be plain: an event of theirs would be refused, or shares its key with another one.
    """
    batch = PlainBatch(ids.BATCH.new(), Wallets(), Events())
    places: list[int] = []
    for members in _by_wallet(events):
        reported = [events[place] for place in members]
        charges = _charged(reported)
        if charges is not None:
            _add_wallet(batch, reported, charges)
            places += members
    return (batch, places) if places else (None, places)


def _by_wallet(events: Sequence[NewUsage]) -> list[list[int]]:
    """Places by wallet, sorted by customer and credit currency; customers that use a key twice are left out."""
    wallets: dict[tuple[int, int], list[int]] = {}
    keys: set[tuple[int, str]] = set()
    twice: set[int] = set()
    for place, event in enumerate(events):
        customer = event.customer_id.int
        if (customer, event.key) in keys:
            twice.add(customer)
        keys.add((customer, event.key))
        wallets.setdefault((customer, event.currency.id.int), []).append(place)
    return [wallets[ref] for ref in sorted(wallets) if ref[0] not in twice]


def _charged(members: Sequence[NewUsage]) -> list[Charge] | None:
    """What a wallet's events cost; None where one is refused, or where its price hangs on what was used before."""
    if any(event.value < ZERO or tiers_of(event) is not None for event in members):
        return None
    try:
        return [charge_of(event) for event in members]
    except Refusal:
        return None


def _add_wallet(batch: PlainBatch, members: Sequence[NewUsage], charges: Sequence[Charge]) -> None:
    wallets, columns = batch.wallets, batch.events
    first = members[0]
    at = len(wallets.customers) + 1
    total = ZERO
    meters: set[MeterId | None] = set()
    for rank, (event, charge) in enumerate(zip(members, charges, strict=True), start=1):
        total = EXACT.add(total, charge.price)
        meter_id = None if event.meter is None else event.meter.id
        meters.add(meter_id)
        columns.at.append(at)
        columns.rank.append(rank)
        columns.ids.append(ids.USAGE_EVENT.new())
        columns.keys.append(event.key)
        columns.hashes.append(fingerprint(event))
        columns.meters.append(meter_id)
        columns.values.append(event.value)
        columns.rates.append(charge.rate)
        columns.prices.append(charge.price)
        columns.sums.append(total)
        columns.occurred.append(event.occurred_at)
        columns.properties.append(None if event.properties is None else msgspec.json.encode(event.properties).decode())
        columns.ratings.append(rating_of(charge))
    wallets.customers.append(first.customer_id)
    wallets.currencies.append(first.currency.id)
    wallets.workspaces.append(first.workspace_id)
    wallets.decimals.append(first.currency.decimals)
    wallets.counts.append(len(members))
    wallets.prices.append(total)
    wallets.scopes.append(None if first.meter is None else first.meter.id)
    wallets.mixed.append(len(meters) > 1)
    wallets.transfers.append(ids.TRANSFER.new())


def recorded_plain(event: NewUsage, batch: PlainBatch, debit: PlainDebit) -> Recorded:
    columns = batch.events
    lot_ids, lot_amounts = debit.allocation()
    balance = Credits(debit.balance_after)
    return Recorded(
        UsageEvent(
            customer_id=event.customer_id,
            recorded_at=debit.recorded_at,
            id=columns.ids[debit.place],
            workspace_id=event.workspace_id,
            wallet_id=debit.wallet_id,
            meter_id=columns.meters[debit.place],
            key=event.key,
            value=event.value,
            credits_per_unit=columns.rates[debit.place],
            price=columns.prices[debit.place],
            debit=Credits(debit.debit),
            owed=NO_CREDITS,
            lot_ids=lot_ids,
            lot_amounts=lot_amounts,
            batch_id=batch.id,
            line=debit.line,
            balance_after=balance,
            occurred_at=event.occurred_at or debit.booked_at,
            booked_at=debit.booked_at,
            properties=event.properties,
            rating=columns.ratings[debit.place],
        ),
        replayed=False,
        balance=balance,
    )
