-- Drops every object of the migration. The changed rules of transactions go with the baseline.
DROP TABLE IF EXISTS credits_hold;
DROP TABLE IF EXISTS credits_hold_slice;
DROP DOMAIN IF EXISTS credits_hold_rules, credits_hold_slice_rules;
DROP TYPE IF EXISTS credits_hold_fields, credits_hold_slice_fields;
