//! Holds as the ledger keeps them.

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::{
    amount::Price,
    command::{Command, Origin},
    rules::References,
};

/// Credits of one wallet that are reserved for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    /// The id of its transaction.
    pub id: Uuid,
    /// The origin that its reference belongs to.
    pub origin: Origin,
    /// The verified sender of the command. `None` if the command has none.
    pub sender: Option<String>,
    /// The reference of the command. Captures and releases name it.
    pub reference_id: String,
    /// The service that the credits are reserved for.
    pub service: String,
    /// The price of the service when the hold was made. `None` if it had no price.
    pub price: Option<Price>,
    /// The credits that were reserved at first.
    pub amount: i64,
    /// The credits of `amount` that captures charged.
    pub captured: i64,
    /// Whether it still reserves credits, and if not, why.
    pub status: HoldStatus,
    /// The first instant at which it reserves nothing any more.
    pub expires_at: DateTime<Utc>,
    /// The time at which it was closed. `None` while it is open.
    pub closed_at: Option<DateTime<Utc>>,
    /// The parts that its batches fund, in spending order.
    pub slices: Vec<HoldSlice>,
}

/// The part of a hold that one batch funds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldSlice {
    /// The id of the batch.
    pub batch_id: Uuid,
    /// The credits that were reserved at first.
    pub amount: i64,
    /// The credits of `amount` that captures took from the batch.
    pub captured: i64,
}

/// The state of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldStatus {
    /// It reserves credits until it expires.
    Open,
    /// A final capture closed it.
    Captured,
    /// A release closed it.
    Released,
    /// It expired before a final capture or a release. It can still be captured.
    Expired,
}

impl HoldStatus {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl HoldSlice {
    /// The credits that were not captured.
    pub const fn rest(&self) -> i64 {
        self.amount - self.captured
    }
}

impl HoldRecord {
    /// The credits that no capture has charged.
    pub const fn rest(&self) -> i64 {
        self.amount - self.captured
    }

    /// Whether it was not closed yet. From its expiry on it reserves nothing, closed or not.
    pub fn is_open(&self) -> bool {
        self.status == HoldStatus::Open
    }

    /// The credits that it reserves at `at`.
    pub fn reserved_at(&self, at: DateTime<Utc>) -> i64 {
        if self.is_open() && at < self.expires_at {
            self.rest()
        } else {
            0
        }
    }

    /// Whether the captures and releases of `command`'s origin and sender name it by `reference`.
    pub(crate) fn is_own(
        &self,
        reference: &str,
        command: &Command,
        references: References,
    ) -> bool {
        self.reference_id == reference
            && self.origin == command.origin
            && references.owner(self.sender.as_deref())
                == references.owner(command.sender.as_deref())
    }

    /// Whether support staff name it by `reference`: their commands have another origin than those
    /// of apps.
    pub(crate) fn is_of_an_app(&self, reference: &str, command: &Command) -> bool {
        self.reference_id == reference
            && self.origin == Origin::Usage
            && command.origin == Origin::Funding
    }

    fn batches_in_use(&self) -> impl Iterator<Item = (Uuid, i64)> {
        let slices = self.slices.iter().filter(|_| self.is_open());
        slices.map(|slice| (slice.batch_id, slice.rest()))
    }
}

/// A hold of a wallet, with its stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackedHold {
    /// As the commands have left it so far.
    pub record: HoldRecord,
    /// As it is stored. `None` if it is new.
    pub stored: Option<HoldRecord>,
}

impl TrackedHold {
    pub const fn new(record: HoldRecord) -> Self {
        Self {
            record,
            stored: None,
        }
    }

    /// A hold whose row is as it is now.
    pub fn from_row(record: HoldRecord) -> Self {
        let stored = Some(record.clone());
        Self { record, stored }
    }

    pub fn is_changed(&self) -> bool {
        self.stored.as_ref() != Some(&self.record)
    }

    /// The slices from which the commands captured, if the hold is stored.
    pub fn changed_slices(&self) -> impl Iterator<Item = &HoldSlice> {
        let stored = self
            .stored
            .as_ref()
            .map_or(&[][..], |stored| &stored.slices);
        let slices = self.record.slices.iter().zip(stored);
        slices.filter_map(|(slice, stored)| (slice != stored).then_some(slice))
    }

    /// The batches of which it reserves more or less than its row does.
    pub fn touched_batches(&self) -> impl Iterator<Item = Uuid> {
        let stored: Vec<_> = self
            .stored
            .iter()
            .flat_map(HoldRecord::batches_in_use)
            .collect();
        let now: Vec<_> = self.record.batches_in_use().collect();
        let gone = stored.clone().into_iter().filter({
            let now = now.clone();
            move |part| !now.contains(part)
        });
        let new = now.into_iter().filter(move |part| !stored.contains(part));
        gone.chain(new).map(|(batch_id, _)| batch_id)
    }
}
