-- Why a rule does not charge, as the sentence that its customer reads, and until when.

alter table recharge_rules add column reason_detail text, add column reason_until timestamptz;

-- What counts towards a rule's caps: by submit time, and the count of a day takes declined ones, too.
create index on recharge_attempts (customer_id, rule_id, submitted_at) where submitted_at is not null;
-- Links that a customer did not follow in time, by the workspace's clock.
create index on recharge_attempts (workspace_id, expires_at) where state = 'needs_customer';
