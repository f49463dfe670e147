//! The schema on both databases.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod schema {
    mod accepted;
    mod constraints;
    mod entities;
    mod migrating;
    mod payments;
    mod refused;
    mod refused_transactions;
    mod rows;
    mod values;
}
