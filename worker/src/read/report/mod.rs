//! The report: what was sold, granted, spent and lost in a time, and what was owed at its end.
//!
//! What moved counts by when it was booked (`created_at`), so a time that is over keeps its figures for ever. What was
//! owed is told for any instant: it is what the batches hold now, less what has moved since. Opening and closing come
//! from the batches, the movements from the transactions, and both must agree with the wallets ([`Report::adds_up`]).
//!
//! | file | what |
//! |---|---|
//! | `horizon` | up to when nothing can be booked any more: no report ends later |
//! | `movements` | what was booked: sold, granted, consumed, refused, expired |
//! | `owed` | what the batches held at an instant: paid and free, by month of expiry |
//! | `senders` | what was booked for each account of the broker |
//! | `money` | amounts of money, and the value of what is left of what was paid |

mod horizon;
mod money;
mod movements;
mod owed;
mod senders;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;

pub use horizon::{Horizon, HorizonError, OpenTransaction, horizon};
pub use money::Money;
pub use movements::{Clipped, Consumed, Expired, Granted, Refused, Service, Sold, SoldItem};
pub use owed::{Month, Owed};
pub use senders::SenderTotals;

use super::{ReadError, sql};

/// From when until when: the second instant is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

/// A report. Sums are of whole credits; they may exceed 64 bits.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What time it is about.
    #[serde(flatten)]
    pub span: Span,
    /// What all wallets held at the beginning, lapsed credits included.
    pub opening: i128,
    /// What was bought.
    pub sold: Sold,
    /// What was given, by kind and plan or package.
    pub granted: Vec<Granted>,
    /// Grants that did not fit under the cap, by kind; of those that fitted in part the rest.
    pub clipped: Vec<Clipped>,
    /// What was spent.
    pub consumed: Consumed,
    /// Credits that were given back.
    pub refunded: i128,
    /// Credits that were taken back.
    pub revoked: i128,
    /// What lapsed and was swept.
    pub expired: Expired,
    /// Commands that were refused and recorded, by code.
    pub refused: Vec<Refused>,
    /// What was booked for each sender.
    pub senders: Vec<SenderTotals>,
    /// What was owed at the end.
    pub owed: Owed,
    /// What all wallets held at the end, lapsed credits included.
    pub closing: i128,
    /// Whether opening and movements add up to the closing, and that is what the wallets say; if not, `scrip verify` names
    /// the row that is wrong.
    pub adds_up: bool,
}

impl Report {
    /// Credits that were given.
    pub fn total_granted(&self) -> i128 {
        self.granted.iter().map(|granted| granted.credits).sum()
    }
}

/// The report of `span`, which must not end after a [`horizon`] that was taken before, with the `top` services by credits; the rest of them as one sum. All of it from one snapshot.
pub async fn report(db: &DatabaseConnection, span: Span, top: u32) -> Result<Report, ReadError> {
    compose(db, span, top).await.map_err(ReadError::of("report"))
}

async fn compose(db: &DatabaseConnection, span: Span, top: u32) -> Result<Report, DbErr> {
    let snapshot = sql::snapshot(db).await?;
    let sold = movements::sold(&snapshot, span).await?;
    let granted = movements::granted(&snapshot, span).await?;
    let clipped = movements::clipped(&snapshot, span).await?;
    let totals = movements::totals(&snapshot, span).await?;
    let consumed = movements::consumed(&snapshot, span, top, &totals).await?;
    let expired = movements::expired(&snapshot, span).await?;
    let refused = movements::refused(&snapshot, span).await?;
    let senders = senders::senders(&snapshot, span).await?;
    let opening = owed::held(&snapshot, span.from).await?;
    let (owed, closing) = owed::owed(&snapshot, span.until).await?;
    let balances = owed::balances(&snapshot, span.until).await?;
    snapshot.rollback().await?;
    let mut report = Report {
        span,
        opening,
        refunded: totals.credits("refund"),
        revoked: -totals.credits("revocation"),
        sold,
        granted,
        clipped,
        consumed,
        expired,
        refused,
        senders,
        owed,
        closing,
        adds_up: false,
    };
    let came = report.sold.credits + report.total_granted() + report.refunded;
    let went = report.consumed.credits + report.expired.credits() + report.revoked;
    report.adds_up = opening + came - went == closing && closing == balances;
    Ok(report)
}
