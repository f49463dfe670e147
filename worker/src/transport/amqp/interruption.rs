//! Why a lane stops serving.

use ledger::Command;

use super::{error::AmqpError, publisher::Stopped};

/// Why a lane stopped serving.
#[derive(Debug)]
pub enum Interruption {
    /// The lane was asked to stop.
    Drained,
    /// The database was unavailable or refused everything for too long. The unsettled deliveries
    /// are requeued; these are the commands of the group in hand.
    Database(Vec<Command>),
    /// The time was not confirmed for too long. The unsettled deliveries are requeued.
    Clock,
    /// The broker or the connection to it failed.
    Broker(AmqpError),
}

impl From<AmqpError> for Interruption {
    fn from(error: AmqpError) -> Self {
        Self::Broker(error)
    }
}

impl From<Stopped> for Interruption {
    fn from(_: Stopped) -> Self {
        Self::Drained
    }
}
