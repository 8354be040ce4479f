"""Grant schedules: credits that come by themselves."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import (
    Amount,
    Metadata,
    Moment,
    given,
    known,
    optional_amount,
    optional_metadata,
    optional_moment,
    query,
    segment,
)
from replenish_client.params import Cadence, Category, DurationUnit
from replenish_client.types.schedules import GrantPeriod, GrantSchedule


class AsyncGrantSchedules(AsyncResource):
    """`client.grant_schedules`."""

    async def create(
        self,
        *,
        customer_id: str,
        currency_id: str,
        cadence: Cadence,
        every: int | None = None,
        starts_at: Moment | None = None,
        ends_at: Moment | None = None,
        periods_max: int | None = None,
        amount: Amount | None = None,
        target: Amount | None = None,
        valid_duration_value: int | None = None,
        valid_duration_unit: DurationUnit | None = None,
        rollover_amount_max: Amount | None = None,
        category: Category | None = None,
        name: str | None = None,
        priority: int | None = None,
        scope: Sequence[str] | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> GrantSchedule:
        """Grant `amount` credits each period, or what lifts the schedule's own credits to `target`.

        It starts now unless said, and a period that has begun is granted at once. Credits end when the next period starts
        unless a `valid_duration_value` is given, counted from the period's start; 0 never expires. Of what is left, up to
        `rollover_amount_max` is carried into the next period. `customer_id`: id or external id. `currency_id`: a credit
        currency's id or lookup key. `scope`: meters that the credits may pay for; empty = all.
        """
        body = known(
            customer_id=customer_id,
            currency_id=currency_id,
            cadence=cadence,
            every=every,
            starts_at=optional_moment(starts_at, "starts_at"),
            ends_at=optional_moment(ends_at, "ends_at"),
            periods_max=periods_max,
            amount=optional_amount(amount, "amount"),
            target=optional_amount(target, "target"),
            valid_duration_value=valid_duration_value,
            valid_duration_unit=valid_duration_unit,
            rollover_amount_max=optional_amount(rollover_amount_max, "rollover_amount_max"),
            category=category,
            name=name,
            priority=priority,
            scope=scope,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/grant_schedules", GrantSchedule, body, key=idempotency_key)

    def list(
        self, *, customer_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[GrantSchedule]:
        """List grant schedules, newest first."""
        filters = query(customer_id=customer_id, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/grant_schedules", GrantSchedule, filters)

    async def retrieve(self, grant_schedule: str) -> GrantSchedule:
        """Retrieve a grant schedule. Raises NotFoundError."""
        return await self._transport.get(_path(grant_schedule), GrantSchedule)

    def periods(
        self, grant_schedule: str, *, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[GrantPeriod]:
        """List what became of a schedule's periods, the latest first."""
        return self._transport.pages(f"{_path(grant_schedule)}/periods", GrantPeriod, query(limit=limit, cursor=cursor))

    async def update(
        self,
        grant_schedule: str,
        *,
        name: str | UnsetType = UNSET,
        amount: Amount | UnsetType = UNSET,
        target: Amount | UnsetType = UNSET,
        rollover_amount_max: Amount | UnsetType | None = UNSET,
        priority: int | UnsetType = UNSET,
        ends_at: Moment | UnsetType | None = UNSET,
        periods_max: int | UnsetType | None = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> GrantSchedule:
        """Change what is to come, from the next period that starts; metadata is replaced as a whole.

        Raises ConflictError for one that is cancelled or has ended.
        """
        body = given(
            name=name,
            amount=optional_amount(amount, "amount"),
            target=optional_amount(target, "target"),
            rollover_amount_max=optional_amount(rollover_amount_max, "rollover_amount_max"),
            priority=priority,
            ends_at=optional_moment(ends_at, "ends_at"),
            periods_max=periods_max,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.patch(_path(grant_schedule), GrantSchedule, body)

    async def pause(self, grant_schedule: str, *, idempotency_key: str | None = None) -> GrantSchedule:
        """Skip the periods that start from now on, until it is resumed; what was granted stays."""
        return await self._transport.post(f"{_path(grant_schedule)}/pause", GrantSchedule, key=idempotency_key)

    async def resume(self, grant_schedule: str, *, idempotency_key: str | None = None) -> GrantSchedule:
        """Go on with the next period that starts."""
        return await self._transport.post(f"{_path(grant_schedule)}/resume", GrantSchedule, key=idempotency_key)

    async def cancel(self, grant_schedule: str, *, idempotency_key: str | None = None) -> GrantSchedule:
        """End it for good; what was granted for the period that runs stays."""
        return await self._transport.post(f"{_path(grant_schedule)}/cancel", GrantSchedule, key=idempotency_key)


def _path(grant_schedule: str) -> str:
    return f"/v1/grant_schedules/{segment(grant_schedule, 'grant_schedule')}"
