"""What must be true when all is quiet: our books against what was said, and against the bank's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import asyncpg
from tests.crash.story import PACK, Said, Story

# Each finds nothing, or money has gone astray. The sandbox's tables are the bank's own books: ours never write them.
AGAINST_THE_BANK = {
    "a charge that no settled or refunded payment of ours accounts for": """
        select i.id, i.amount, i.refunded, p.state from sandbox.intents i
        left join payments p on p.provider_account = i.account and p.outside_id = i.id
        where i.state = 'succeeded'
          and not coalesce((p.state = 'settled' and i.refunded = 0 or p.state = 'refunded' and i.refunded = i.amount)
                           and p.amount = i.amount, false)""",
    "a charge that two payments of ours claim": """
        select provider_account, outside_id from payments where outside_id is not null group by 1, 2 having count(*) > 1""",
    "a settled payment that the bank knows nothing of": """
        select p.id, i.state from payments p
        left join sandbox.intents i on i.account = p.provider_account and i.id = p.outside_id
        where p.state = 'settled' and i.state is distinct from 'succeeded'""",
    "a settled payment without its one grant": """
        select p.id, count(l.id) from payments p left join lots l on l.customer_id = p.customer_id
          and l.source = 'top_up' and l.source_id = p.top_up_id
        where p.state = 'settled' group by p.id having count(l.id) <> 1""",
    "a grant without its one settled payment": """
        select l.id, count(p.id) from lots l left join payments p on p.customer_id = l.customer_id
          and p.top_up_id = l.source_id and p.state = 'settled'
        where l.source = 'top_up' group by l.id having count(p.id) <> 1""",
    "an attempt and its top-up that disagree": """
        select a.id, a.state, t.state from recharge_attempts a
        join top_ups t on t.customer_id = a.customer_id and t.id = a.top_up_id
        where (a.state = 'succeeded') <> (t.state = 'settled')""",
    "a wallet with two open attempts": """
        select wallet_id from recharge_attempts
        where state in ('decided', 'prepared', 'submitted', 'needs_customer') group by 1 having count(*) > 1""",
    "a cap that did not hold": """
        select r.id, day, month, day_amount, day_count, month_amount from recharge_rules r
        join (select distinct rule_id, date_trunc('day', submitted_at, 'UTC') as day,
                     date_trunc('month', submitted_at, 'UTC') as month,
                     sum(amount) filter (where state = 'succeeded') over d as day_amount, count(*) over d as day_count,
                     sum(amount) filter (where state = 'succeeded') over m as month_amount
              from recharge_attempts where submitted_at is not null
              window d as (partition by rule_id, date_trunc('day', submitted_at, 'UTC')),
                     m as (partition by rule_id, date_trunc('month', submitted_at, 'UTC'))) used on used.rule_id = r.id
        where day_amount > r.day_amount_max or day_count > r.day_count_max or month_amount > r.month_amount_max""",
    "an automatic charge above its cap": """
        select a.id from recharge_attempts a join recharge_rules r on r.id = a.rule_id
        where a.amount > r.charge_amount_max""",
}
# What may still be on its way; an unpaid page waits for its customer for a day.
PENDING = """
select (select count(*) from payments where state in ('decided', 'prepared', 'submitted', 'confirming', 'unapplied')
                                         or (state = 'cancelled' and due_at is not null))
     + (select count(*) from inbox where done_at is null)
     + (select count(*) from sandbox.events where due_at is not null)
     + (select count(*) from sandbox.intents where state = 'processing')
     + (select count(*) from wallets_due)
"""


async def let_time_pass(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """A minute goes by: the leases of the dead have ended, slow banks have made up their minds."""
    await connection.execute("update payments set due_at = now() where due_at > now()")
    await connection.execute("update inbox set due_at = now() where done_at is null and due_at > now()")
    await connection.execute("update sandbox.events set due_at = now() where due_at > now()")
    await connection.execute("update sandbox.intents set settles_at = now() where state = 'processing'")


async def check_bank(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    for what, query in AGAINST_THE_BANK.items():
        found = await connection.fetch(query)
        assert not found, (what, [dict(row) for row in found])
    row = await connection.fetchrow(
        "select (select sum(amount - refunded) from sandbox.intents where state = 'succeeded') as charged,"
        " (select sum(amount) from top_ups where state = 'settled') as paid,"
        " (select sum(credit_amount) from top_ups where state = 'settled') as bought,"
        " (select sum(amount) from lots where source = 'top_up') as granted"
    )
    assert row is not None
    assert row["charged"] == row["paid"], dict(row)
    assert row["granted"] == row["bought"] == row["charged"] / 10 * PACK, dict(row)


async def check_said(connection: asyncpg.Connection[asyncpg.Record], story: Story) -> None:
    """Each acknowledged thing is there once, as it was said; and nothing is there that nobody asked for."""
    said = story.said
    await _check_usage(connection, story)
    await _check_top_ups(connection, story)
    names = await connection.fetch("select name, count(*) as count from lots where source = 'api' group by 1")
    assert {row["name"]: row["count"] for row in names} == dict.fromkeys(said.grants, 1)
    for key, grant in said.grants.items():
        found = await story.api.must("GET", f"/credit_grants/{grant['id']}")
        assert (found["amount"], found["name"]) == (grant["amount"], key)
    for name, rule in said.rules.items():
        found = await story.api.must("GET", f"/recharge_rules/{rule['id']}")
        for field in ("threshold", "enabled", "packs", "payment_method_id", "day_amount_max", "month_amount_max"):
            assert found[field] == rule[field], (name, field, found, rule)
    for slug in said.paid:
        state = await connection.fetchval(
            "select t.state from checkout_sessions s join top_ups t on t.id = s.top_up_id where s.slug = $1", slug
        )
        assert state == "settled", (slug, state)


async def _check_usage(connection: asyncpg.Connection[asyncpg.Record], story: Story) -> None:
    said = story.said
    rows = await connection.fetch(
        "select c.external_id, e.key, count(*) as count, sum(e.debit) as debit from usage_events e"
        " join customers c on c.id = e.customer_id group by 1, 2"
    )
    there = {(row["external_id"], row["key"]): (row["count"], row["debit"]) for row in rows}
    assert there == {name: (1, Decimal(event["debit"])) for name, event in said.usage.items()}
    sent = list(said.sent_usage.items())
    for start in range(0, len(sent), 500):
        part = sent[start : start + 500]
        replays = await story.api.must("POST", "/usage/batch", {"events": [event for _, event in part]})
        for (name, _), result in zip(part, replays["data"], strict=True):
            assert result["status"] == "replayed", (name, result)
            assert result["event"]["id"] == said.usage[name]["id"]
    rows = await connection.fetch(
        "select c.external_id, coalesce((select sum(amount) from lots l where l.customer_id = c.id), 0)"
        " - coalesce((select sum(debit) from usage_events e where e.customer_id = c.id), 0) as balance"
        " from customers c where c.external_id = any($1)",
        list(said.customers),
    )
    for row in rows:
        answer = await story.api.must("GET", f"/customers/{said.customers[row['external_id']]}/balances")
        (held,) = answer["data"]
        assert Decimal(held["balance"]) == row["balance"], (dict(row), answer)


async def _check_top_ups(connection: asyncpg.Connection[asyncpg.Record], story: Story) -> None:
    said: Said = story.said
    rows = await connection.fetch(
        "select metadata ->> 'key' as key, count(*) as count from top_ups where metadata ? 'key' group by 1"
    )
    assert {row["key"]: row["count"] for row in rows} == dict.fromkeys(said.topups, 1)
    for key, body in said.sent_topups.items():
        first: dict[str, Any] = said.topups[key]
        now = await story.api.must("POST", "/topups", body, key=key)
        same = ("id", "number", "amount", "credits", "quantity", "customer_id", "origin")
        assert {field: now[field] for field in same} == {field: first[field] for field in same}
        assert now["state"] == "settled", (key, now)
        if first["state"] == "settled":
            assert now["credit_grant_id"] == first["credit_grant_id"]
