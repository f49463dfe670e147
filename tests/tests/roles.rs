//! Roles with least privilege: what owner, worker and reader can do, and what they cannot.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "roles/privileges.rs"]
mod privileges;
#[path = "roles/script.rs"]
mod script;
#[path = "roles/work.rs"]
mod work;
