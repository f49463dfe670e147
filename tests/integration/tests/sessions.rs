//! Sessions on PostgreSQL: the settings that they set themselves, independent of role and database,
//! and the cases in which they are replaced.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod sessions {
    mod durable;
    mod encoding;
    mod pooler;
    mod replaced;
    mod settings;
}
