-- Products that sell credits as an add-on: what their merchant allows, and versions of their price.

-- Automatic top-up of a product's credits: whether customers may have it, and what they start from. The threshold is theirs
-- to choose within the bounds. A product without a row leaves everything to them.
create table recharge_settings (
    product_id uuid primary key references products,
    workspace_id uuid not null references workspaces,
    allowed boolean not null,
    mode text not null default 'pack' check (mode in ('pack', 'refill_to_full')),
    threshold_default numeric check (threshold_default >= 0),
    threshold_min numeric check (threshold_min >= 0),
    threshold_max numeric check (threshold_max >= 0),
    check (not allowed or threshold_default is not null)
);

-- The newer version of an archived price: whoever agreed to the old one goes on paying it, whoever follows an old link buys
-- the new one.
alter table prices
    add column superseded_by uuid references prices,
    add check (superseded_by is null or not active);
