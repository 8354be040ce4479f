-- The payment link that a recharge config makes from its base price: found again, so that it is made once.
alter table payment_links add made_for_currency_id uuid references payment_currencies;
create unique index on payment_links (made_for_currency_id, price_id) where made_for_currency_id is not null;
