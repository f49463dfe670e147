-- Drops the tables of the migration. The changed table of transactions goes with the baseline.
DROP TABLE IF EXISTS credits_hold;
DROP TABLE IF EXISTS credits_hold_slice;
