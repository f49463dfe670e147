//! Verification finds every corruption, and no violation in a consistent ledger, on both databases.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod verify {
    mod cases;
    mod columns;
    mod undetected;
    mod walking;
    mod wrong;
}
