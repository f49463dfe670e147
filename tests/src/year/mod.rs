//! A year of credits: what users do, and what must come of it.
//!
//! [`world::World`] decides from one seed what happens on each day of a year. [`model::Model`] says what every message
//! must lead to: a second implementation of `SEMANTICS.md`, slow, plain, and without a line of the ledger's. A test plays
//! the year on a real ledger and compares.
//!
//! | file | what |
//! |---|---|
//! | `dice` | random numbers that can be repeated |
//! | `months` | months counted from an anchor, by walking from day to day |
//! | `rulebook` | the configuration, as the model and as the workers need it |
//! | `message` | what is published |
//! | `world` | who publishes what, and when |
//! | `model` | what must come of it |
//! | `found` | what the database holds, in the model's words |

pub mod dice;
pub mod found;
pub mod message;
pub mod model;
pub mod months;
pub mod rulebook;
pub mod world;

use chrono::{DateTime, Utc};

/// An instant.
pub type At = DateTime<Utc>;
