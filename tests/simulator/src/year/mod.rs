//! A simulated year of credits: the actions of users and their expected results.
//!
//! [`world::World`] derives the events of each day from one seed. [`model::Model`] computes the
//! expected result of every message. It is a second, slow and simple implementation of
//! `docs/concepts` that shares no code with the ledger. A test plays the year on a real ledger and
//! compares the two.
//!
//! | file | content |
//! |---|---|
//! | `rng` | random numbers that can be repeated |
//! | `months` | months counted from an anchor, day by day |
//! | `rulebook` | the configuration, for the model and for the workers |
//! | `message` | the published messages |
//! | `world` | the users, and the messages of each day |
//! | `model` | the expected results |
//! | `observed` | the contents of the database, as types of the model |

pub mod message;
pub mod model;
pub mod months;
pub mod observed;
pub mod rng;
pub mod rulebook;
pub mod world;

use chrono::{DateTime, Utc};

/// An instant.
pub type At = DateTime<Utc>;
