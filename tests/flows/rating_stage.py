"""Ann, whose usage is rated as a test says."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from tests.ledger.books import Bench, lay, set_clock

from replenish.catalog.rate_terms import EntryTerms, FlatTerms, GraduatedTerms, PackageTerms, RatingTerms, TierTerms
from replenish.core.db import Database
from replenish.core.ids import CustomerId
from replenish.core.money import Credits
from replenish.flows.grant_credits import grant_credits
from replenish.flows.manage_meters import change_meter
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, record_usage
from replenish.usage.model import UsageEvent
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import WalletRef
from replenish.web.usage_names import UsageNames

START = datetime(2027, 1, 15, 12, tzinfo=UTC)
# The first 100 units of a month cost 1, the next 900 half, the rest a tenth.
TIERED = RatingTerms(rate=GraduatedTerms([TierTerms("100", "1"), TierTerms("1000", "0.5"), TierTerms(None, "0.1")]))
TIERED_LARGE = EntryTerms({"model": "large"}, GraduatedTerms([TierTerms("100", "1"), TierTerms(None, "0.5")]))
PACKAGED = RatingTerms(rate=PackageTerms("1000", "2"))
CARD = RatingTerms(
    credits_per_unit="16",
    rate_card=[
        EntryTerms({"model": "large", "kind": "output"}, FlatTerms("8")),
        EntryTerms({"model": "large"}, FlatTerms("4")),
        EntryTerms({"model": ["small", "tiny"]}, PackageTerms("1000", "2")),
    ],
)


class Usage(msgspec.Struct):
    """Ann's workspace, with a meter whose rating the test sets."""

    db: Database
    bench: Bench
    names: UsageNames
    seconds: list[float]
    used: int = 0

    async def rate(self, terms: RatingTerms, *, meter: str = "a") -> None:
        """Change the meter, and let the second pass in which processes may still remember it as it was."""
        bench = self.bench
        await change_meter(db=self.db, workspace_id=bench.workspace_id, meter_id=bench.meters[meter].id, rating=terms)
        self.seconds[0] += 1

    async def reported(self, value: str, *, customer: CustomerId | None = None, **properties: str) -> NewUsage:
        self.used += 1
        rated = (await self.names.meters(workspace_id=self.bench.workspace_id, keys=["a"]))["a"]
        return NewUsage(
            workspace_id=self.bench.workspace_id,
            customer_id=customer or self.bench.ann,
            currency=rated.currency,
            meter=rated.meter,
            key=f"job-{self.used}",
            value=Decimal(value),
            properties=properties or None,
        )

    async def use(self, value: str, **properties: str) -> UsageEvent:
        (outcome,) = await record_usage(self.db, events=[await self.reported(value, **properties)])
        return accepted(outcome)

    async def at(self, moment: str) -> None:
        await set_clock(self.db, self.bench, datetime.fromisoformat(moment).replace(tzinfo=UTC))

    async def balance(self) -> str:
        return str((await wallets.balance(self.db, ref=self.bench.ref, now=START)).balance)


def accepted(outcome: Outcome) -> UsageEvent:
    assert isinstance(outcome, Recorded), outcome
    return outcome.event


async def give(db: Database, ref: WalletRef, amount: str) -> None:
    await grant_credits(db, ref=ref, new=NewLot(amount=Credits(Decimal(amount)), category="paid", source="api"))


def parts(event: UsageEvent) -> list[tuple[str, str]]:
    return [] if event.rating is None else [(f"{part.units:f}", f"{part.rate:f}") for part in event.rating.parts]


async def lay_usage(db: Database) -> Usage:
    """Ann with 1,000 credits."""
    bench = await lay(db, clock=START)
    await give(db, bench.ref, "1000")
    seconds = [0.0]
    return Usage(db, bench, UsageNames(db, clock=lambda: seconds[0]), seconds)
