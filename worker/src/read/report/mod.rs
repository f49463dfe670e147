//! The report: credits that were sold, granted, spent and expired in a span of time, and credits
//! that were owed at its end.
//!
//! Movements count by their booking time (`created_at`), so the figures of a past span never
//! change. Owed credits are computed for any instant: the current contents of the batches, less
//! the movements since. Opening and closing come from the batches, movements come from the
//! transactions, and both must agree with the wallets ([`Report::adds_up`]).
//!
//! | file | content |
//! |---|---|
//! | `horizon` | the instant before which nothing can be booked any more: no report ends later |
//! | `movements` | booked transactions: sold, granted, consumed, refused, expired |
//! | `revocations` | booked refunds and revocations by month, revenue, and debt |
//! | `owed` | contents of the batches at an instant: paid and free, by month of expiry |
//! | `senders` | booked transactions of each account of the broker |
//! | `money` | amounts of money, and the value of remaining credits |

mod horizon;
mod money;
mod movements;
mod owed;
mod revocations;
mod senders;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;

pub use horizon::{Horizon, HorizonError, OpenTransaction, horizon};
pub use money::Money;
pub use movements::{Clipped, Consumed, Expired, Granted, Refused, Service, Sold, SoldItem};
pub use owed::{Month, Owed};
pub use revocations::{DebtTotals, Refunds, Revenue, Revocations};
pub use senders::SenderTotals;

use super::{ReadError, sql};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First instant, inclusive.
    pub from: DateTime<Utc>,
    /// Last instant, exclusive.
    pub until: DateTime<Utc>,
}

/// A report. Sums are in whole credits and may exceed 64 bits.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    #[serde(flatten)]
    pub span: Span,
    /// Balance of all wallets at the beginning. It includes expired credits that the expiry job
    /// had not booked yet.
    pub opening: i128,
    /// Purchased credits.
    pub sold: Sold,
    /// Granted credits, by kind and plan or package.
    pub granted: Vec<Granted>,
    /// Credits of grants that exceeded the cap, by kind. For a grant that fitted in part, only the
    /// rest.
    pub clipped: Vec<Clipped>,
    /// Consumed credits.
    pub consumed: Consumed,
    /// Credits of refunds.
    pub refunded: i128,
    /// The refunds by month and service.
    pub refunds: Vec<Refunds>,
    /// Credits that revocations took from wallets. Reinstatements are not subtracted.
    pub revoked: i128,
    /// Credits that reinstatements returned.
    pub reinstated: i128,
    /// Credits that repaid debts.
    pub repaid: i128,
    /// The revocations by month, and plan or package.
    pub revocations: Vec<Revocations>,
    /// What was paid, less the value of the revoked credits.
    pub revenue: Vec<Revenue>,
    /// What users owe, and the changes of it.
    pub debt: DebtTotals,
    /// Credits that the expiry job booked as expired.
    pub expired: Expired,
    /// Commands that were refused and recorded, by code.
    pub refused: Vec<Refused>,
    /// Totals of each sender.
    pub senders: Vec<SenderTotals>,
    /// Credits that were owed at the end.
    pub owed: Owed,
    /// Balance of all wallets at the end. It includes expired credits that the expiry job had not
    /// booked yet.
    pub closing: i128,
    /// Whether opening and movements add up to the closing, and the closing equals the balances of
    /// the wallets. If not, `scrip verify` names the wrong row.
    pub adds_up: bool,
}

impl Report {
    /// Sum of the granted credits.
    pub fn total_granted(&self) -> i128 {
        self.granted.iter().map(|granted| granted.credits).sum()
    }
}

/// The report of `span`, from one snapshot. `span` must not end after a [`horizon`] that was
/// determined before. The report lists the `top` services by credits, and the sum of the others.
pub async fn report(db: &DatabaseConnection, span: Span, top: u32) -> Result<Report, ReadError> {
    compose(db, span, top)
        .await
        .map_err(ReadError::reading("report"))
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
    let refunds = revocations::refunds(&snapshot, span).await?;
    let revoked = revocations::revocations(&snapshot, span).await?;
    let revenue = revocations::revenue(&snapshot, span, &sold).await?;
    let debt = revocations::debt(&snapshot, span).await?;
    let opening = owed::held(&snapshot, span.from).await?;
    let (owed, closing) = owed::owed(&snapshot, span.until).await?;
    let balances = owed::balances(&snapshot, span.until).await?;
    snapshot.rollback().await?;
    let mut report = Report {
        span,
        opening,
        refunded: totals.credits("refund"),
        refunds,
        revoked: -totals.credits("revocation"),
        reinstated: totals.credits("reinstatement"),
        repaid: -totals.credits("repayment"),
        revocations: revoked,
        revenue,
        debt,
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
    let came = report.sold.credits + report.total_granted() + report.refunded + report.reinstated;
    let went = report.consumed.credits + report.expired.credits() + report.revoked + report.repaid;
    report.adds_up = opening + came - went == closing && closing == balances;
    Ok(report)
}
