//! The broker's users may do what they need and no more: on a broker of the test's own, with the definitions that
//! `docker-compose.yml` loads.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../compose/definitions.rs"]
mod definitions;
#[path = "permissions/forbidden.rs"]
mod forbidden;
#[path = "permissions/policies.rs"]
mod policies;
#[path = "permissions/refusals.rs"]
mod refusals;
#[path = "permissions/senders.rs"]
mod senders;
#[path = "permissions/serving.rs"]
mod serving;
#[path = "permissions/stage.rs"]
mod stage;
#[path = "../compose/yaml.rs"]
mod yaml;
