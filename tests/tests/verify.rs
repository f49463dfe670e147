//! Verification finds what is wrong, and nothing in a good ledger, on both databases.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod verify {
    mod cases;
    mod columns;
    mod undetected;
    mod walking;
    mod wrong;
}
