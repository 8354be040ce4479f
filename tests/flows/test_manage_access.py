"""Workspaces, the test clock, request keys and frozen customers, through their flows."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from replenish.access import operations, queries
from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.core.db import Database
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.ids import WorkspaceId
from replenish.core.transaction import transaction
from replenish.customers import queries as customers
from replenish.flows import manage_customers, manage_meters, manage_workspaces
from replenish.wallets import operations as wallets
from replenish.wallets.model import WalletRef

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
async def workspace_id(db: Database) -> WorkspaceId:
    return (await manage_workspaces.create_workspace(db=db, name="Ann's maps")).test


async def test_a_workspace_has_a_twin(db: Database) -> None:
    twins = await manage_workspaces.create_workspace(db=db, name="Ann's maps", time_zone="Europe/Berlin")
    live = await queries.workspace(db, workspace_id=twins.live)
    test = await queries.workspace(db, workspace_id=twins.test)
    assert (live.mode, live.twin_id, test.mode, test.twin_id) == ("live", test.id, "test", live.id)
    await manage_workspaces.change_workspace(db=db, workspace_id=twins.test, name="Ann's tiles")
    for workspace_id in (twins.live, twins.test):
        found = await queries.workspace(db, workspace_id=workspace_id)
        assert (found.name, found.time_zone) == ("Ann's tiles", "Europe/Berlin")


@pytest.mark.parametrize("time_zone", ["", "Mars/Base", "../etc/passwd", "UTC\0", "/etc/localtime", "x" * 300])
async def test_a_time_zone_must_be_one(db: Database, time_zone: str) -> None:
    with pytest.raises(Invalid) as refused:
        await manage_workspaces.create_workspace(db=db, name="Ann's maps", time_zone=time_zone)
    assert refused.value.field == "time_zone"


async def test_law_04_the_test_clock_only_moves_forward(db: Database) -> None:
    twins = await manage_workspaces.create_workspace(db=db, name="Ann's maps")
    later = datetime.now(UTC) + timedelta(days=30)
    await manage_workspaces.move_test_clock(db=db, workspace_id=twins.test, to=later)
    assert await queries.now(db, twins.test) == later
    assert await queries.now(db, twins.live) < later
    await manage_workspaces.move_test_clock(db=db, workspace_id=twins.test, to=later)
    # to, workspace, code
    for to, workspace_id, code in (
        (later - timedelta(microseconds=1), twins.test, "clock_moves_forward"),
        (later.replace(tzinfo=None), twins.test, "invalid"),
        (later.replace(year=3000), twins.test, "invalid"),
        (later, twins.live, "not_a_test_workspace"),
    ):
        with pytest.raises(Invalid) as refused:
            await manage_workspaces.move_test_clock(db=db, workspace_id=workspace_id, to=to)
        assert (refused.value.field, refused.value.own_code) == ("now", code)
    assert await queries.now(db, twins.test) == later


async def test_one_address_has_one_account(db: Database) -> None:
    twins = await manage_workspaces.create_workspace(db=db, name="Ann's maps")
    await manage_workspaces.create_operator(db=db, workspace_id=twins.live, email="ann@example.com")
    with pytest.raises(Conflict):
        await manage_workspaces.create_operator(db=db, workspace_id=twins.live, email="ANN@example.com")
    with pytest.raises(Invalid):
        await manage_workspaces.create_operator(db=db, workspace_id=twins.test, email="ben@example.com")
    with pytest.raises(NotFound):
        await manage_workspaces.create_operator(db=db, workspace_id=WorkspaceId(ONE), email="ben@example.com")


async def test_law_07_a_running_request_answers_in_progress_until_it_is_done(
    db: Database, workspace_id: WorkspaceId
) -> None:
    key = RequestKey(workspace_id=workspace_id, key="order-1", fingerprint=b"1")
    async with transaction(db) as tx:
        assert await operations.claim_request_key(tx, key, ONE, 201, running=True) is None
    with pytest.raises(Conflict) as running:
        async with transaction(db) as tx:
            await operations.claim_request_key(tx, key, TWO, 201, running=True)
    assert running.value.own_code == "in_progress"
    async with transaction(db) as tx:
        await operations.finish_request_key(tx, key)
    async with transaction(db) as tx:
        assert await operations.claim_request_key(tx, key, TWO, 201, running=True) == ONE
    other = RequestKey(workspace_id=workspace_id, key="order-1", fingerprint=b"2")
    with pytest.raises(Conflict) as mismatch:
        async with transaction(db) as tx:
            await operations.claim_request_key(tx, other, TWO, 201)
    assert mismatch.value.own_code == "idempotency_mismatch"


async def test_law_07_a_flow_that_gives_up_leaves_its_key_free(db: Database, workspace_id: WorkspaceId) -> None:
    key = RequestKey(workspace_id=workspace_id, key="order-1", fingerprint=b"1")
    async with transaction(db) as tx:
        await operations.claim_request_key(tx, key, ONE, 201, running=True)
    async with transaction(db) as tx:
        await operations.release_request_key(tx, key)
    async with transaction(db) as tx:
        assert await operations.claim_request_key(tx, key, TWO, 201) is None
    # What is done is never given back.
    async with transaction(db) as tx:
        await operations.release_request_key(tx, key)
    async with transaction(db) as tx:
        assert await operations.claim_request_key(tx, key, ONE, 201) == TWO


async def test_law_07_the_second_waits_for_the_first(db: Database, workspace_id: WorkspaceId) -> None:
    key = RequestKey(workspace_id=workspace_id, key="order-1", fingerprint=b"1")

    async def claim(made_id: UUID) -> UUID | None:
        async with transaction(db) as tx:
            found = await operations.claim_request_key(tx, key, made_id, 201)
            await asyncio.sleep(0.05)
            return found

    results = await asyncio.gather(*(claim(UUID(int=number)) for number in range(1, 9)))
    first = UUID(int=results.index(None) + 1)
    assert [result for result in results if result is not None] == [first] * 7


async def test_old_request_keys_are_forgotten(db: Database, workspace_id: WorkspaceId) -> None:
    for number in range(3):
        key = RequestKey(workspace_id=workspace_id, key=str(number), fingerprint=b"1")
        async with transaction(db) as tx:
            await operations.claim_request_key(tx, key, ONE, 201)
    await db.pool.execute("update request_keys set created_at = now() - interval '31 days' where key < '2'")
    assert await manage_workspaces.forget_request_keys(db=db) == 2
    assert await manage_workspaces.forget_request_keys(db=db) == 0


async def test_freezing_a_customer_freezes_every_wallet(db: Database, workspace_id: WorkspaceId) -> None:
    customer_id = await manage_customers.create_customer(db=db, workspace_id=workspace_id, external_id="ann")
    refs: list[WalletRef] = []
    for name in ("call", "minute", "tile"):
        meter_id = await manage_meters.create_meter(
            db=db, workspace_id=workspace_id, name=name, event_name=name, unit=name
        )
        meter = await catalog.meter(db, workspace_id=workspace_id, meter_id=meter_id)
        refs.append(WalletRef(workspace_id=workspace_id, customer_id=customer_id, currency_id=meter.currency_id))

    async def frozen(wanted: list[WalletRef]) -> set[bool]:
        async with transaction(db) as tx:
            books = await wallets.open_books(tx, refs=wanted)
            await wallets.save_books(tx, books=books.values())
            return {book.wallet.customer_frozen_at is not None for book in books.values()}

    async def turn(*, to: bool) -> None:
        await manage_customers.freeze_customer(db=db, workspace_id=workspace_id, customer_id=customer_id, frozen=to)

    assert await frozen(refs[:2]) == {False}
    await turn(to=True)
    first = (await customers.customer(db, workspace_id=workspace_id, customer_id=customer_id)).frozen_at
    await turn(to=True)
    assert (await customers.customer(db, workspace_id=workspace_id, customer_id=customer_id)).frozen_at == first
    # The third wallet is made while the customer is frozen.
    assert await frozen(refs) == {True}
    await turn(to=False)
    assert await frozen(refs) == {False}
