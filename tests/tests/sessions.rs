//! Sessions on PostgreSQL: what they ask for themselves, whatever role and database say, and when
//! they are replaced.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod sessions {
    mod durable;
    mod encoding;
    mod pooler;
    mod replaced;
    mod settings;
}
