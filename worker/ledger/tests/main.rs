//! The tests of the ledger. They form one program, so they are linked once.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod desk;

mod arrival;
mod dated_ahead;
mod debts;
mod demand;
mod due;
mod expiry;
mod fingerprint;
mod holds;
mod invariants;
mod names;
mod next;
mod order;
mod payments;
mod periods;
mod plans;
mod postings;
mod properties;
mod refunds;
mod refusals;
mod senders;
mod sequences;
mod subscriptions;
mod timeline;
mod written;
