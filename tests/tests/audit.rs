//! The audit log of operators: what each command records, what the database refuses to change, and how it is read.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod audit {
    mod append_only;
    mod bounds;
    mod commands;
    mod half_done;
    mod other_ledger;
    mod reading;
    mod refused;
    mod stage;
}
