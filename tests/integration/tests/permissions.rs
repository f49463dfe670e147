//! The permissions of the broker's users: each user can do its work and has no other access. The
//! tests run on their own broker with the definitions that `docker-compose.yml` loads.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../compose/definitions.rs"]
mod definitions;
#[path = "permissions/fixture.rs"]
mod fixture;
#[path = "permissions/forbidden.rs"]
mod forbidden;
#[path = "permissions/limits.rs"]
mod limits;
#[path = "permissions/policies.rs"]
mod policies;
#[path = "permissions/refusals.rs"]
mod refusals;
#[path = "permissions/senders.rs"]
mod senders;
#[path = "permissions/serving.rs"]
mod serving;
#[path = "permissions/shop.rs"]
mod shop;
#[path = "../compose/yaml.rs"]
mod yaml;
