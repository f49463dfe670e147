//! The database roles with least privilege: the operations that owner, worker and reader can run,
//! and those that they cannot.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "roles/privileges.rs"]
mod privileges;
#[path = "roles/script.rs"]
mod script;
#[path = "roles/work.rs"]
mod work;
