-- What a payment needs so that another process can carry it on after a crash, and what an operator is shown.

alter table payments
    -- Fixed with the intent: the same request is made again, word for word, when a reply was lost.
    add column customer_present boolean not null default false,
    add column return_url text not null default '',
    -- Since when, by the real clock, nobody knows whether the money moved; and when the operator was told.
    add column unknown_since timestamptz,
    add column escalated_at timestamptz,
    -- The provider's id of the refund that gave an unwanted payment back.
    add column refund_outside_id text;

-- The Idempotency-Key of the request that bought it: finished by whoever brings the purchase to its end.
alter table top_ups add column request_key text;

-- Whether the customer was known when the session was made, or has only given an e-mail address since: such a buyer may
-- pay, but not save a method on, or look into, what could be another's account.
alter table checkout_sessions add column customer_known boolean not null default false;
