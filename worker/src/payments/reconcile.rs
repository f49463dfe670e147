//! An export of the provider's payments, compared with the ledger.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    LinkKey, LinkKind, Provider,
    export::ExportedPayment,
    mapped::{Link, Links},
    tables,
};
use crate::{
    db::{Database, StoreError},
    read::{self, ReadError},
};

mod grants;

use grants::PaidPeriods;

/// Payments that are looked up at once.
const CHUNK: usize = 200;
/// The id of a session of Stripe without a payment, because it was free.
const FREE: &str = "stripe:cs_";

/// The differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Payments that were collected and brought no credits.
    pub paid_not_credited: Vec<String>,
    /// References of purchases and grants whose payment is not in the export, or was not collected.
    pub credited_not_paid: Vec<String>,
    /// Payments that agree.
    pub agreeing: usize,
    /// Grants of trials, which need no payment.
    pub trials: usize,
    /// Grants of subscriptions that no event of any provider named.
    pub not_compared: usize,
}

/// Why the ledger cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The subscriptions of grants.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What to compare with an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub provider: Provider,
    /// First instant of the purchases and grants, by the time at which they were booked.
    pub from: DateTime<Utc>,
    /// First instant after them.
    pub until: DateTime<Utc>,
    /// Whether a trial brings credits.
    pub trial_grants: bool,
}

/// Compares the payments of an export with the ledger, and the purchases and grants of a span of
/// time with the export.
pub async fn compare(
    db: &Database,
    scope: Scope,
    export: &[ExportedPayment],
) -> Result<Differences, ReconcileError> {
    let (provider, span) = (scope.provider, (scope.from, scope.until));
    let prefix = format!("{}:", provider.as_str());
    let mut differences = Differences::default();
    let (mut paid, mut periods) = (HashSet::new(), PaidPeriods::new());
    let collected: Vec<&ExportedPayment> =
        export.iter().filter(|payment| payment.is_paid).collect();
    for chunk in collected.chunks(CHUNK) {
        let links = links(db, provider, chunk).await?;
        let candidates: BTreeSet<String> = chunk
            .iter()
            .flat_map(|payment| deposits(&prefix, payment, &links))
            .collect();
        let candidates: Vec<String> = candidates.into_iter().collect();
        let mut credited = HashSet::new();
        for references in candidates.chunks(CHUNK) {
            credited.extend(read::purchases(db, references).await?);
        }
        for payment in chunk {
            let found = deposits(&prefix, payment, &links);
            let is_credited = found.iter().any(|one| credited.contains(one))
                || has_grant(db, payment, &links).await?;
            if is_credited {
                differences.agreeing += 1;
            } else {
                let name = payment.ids.first();
                differences.paid_not_credited.extend(name.cloned());
            }
            paid.extend(found);
            for period in known(payment, &links).filter_map(|link| link.period.as_ref()) {
                grants::note(&mut periods, period);
            }
        }
    }
    let mut position = Some((DateTime::UNIX_EPOCH, Uuid::nil()));
    while let Some(after) = position {
        let (page, next) = read::credited(db, span, after).await?;
        let own = page.into_iter();
        let own = own.filter(|one| one.starts_with(&prefix) && !one.starts_with(FREE));
        let unpaid = own.filter(|one| !paid.contains(one));
        differences.credited_not_paid.extend(unpaid);
        position = next;
    }
    grants::compare(db, scope, &periods, &mut differences).await?;
    Ok(differences)
}

/// The links of payments, and those of the invoices that they paid.
async fn links(
    db: &Database,
    provider: Provider,
    payments: &[&ExportedPayment],
) -> Result<Links, StoreError> {
    let ids: BTreeSet<String> = payments
        .iter()
        .flat_map(|payment| payment.ids.iter().cloned())
        .collect();
    let mut found = find(db, provider, ids).await?;
    let invoices = found.values().filter_map(|link| link.invoice.clone());
    let invoices = invoices.collect();
    found.extend(find(db, provider, invoices).await?);
    Ok(found)
}

async fn find(
    db: &Database,
    provider: Provider,
    ids: BTreeSet<String>,
) -> Result<Links, StoreError> {
    let ids: Vec<String> = ids.into_iter().collect();
    let mut found = Links::new();
    for chunk in ids.chunks(CHUNK) {
        found.extend(tables::find_many(db, provider, chunk).await?);
    }
    Ok(found)
}

/// What is known about a payment of the export.
fn known<'a>(payment: &'a ExportedPayment, links: &'a Links) -> impl Iterator<Item = &'a Link> {
    let keys = payment.ids.iter().flat_map(|id| {
        let kinds = [LinkKind::Payment, LinkKind::Invoice];
        kinds.map(|kind| LinkKey::new(kind, id.as_str()))
    });
    keys.filter_map(|key| links.get(&key)).flat_map(|link| {
        let invoice = link.invoice.as_deref();
        let invoice = invoice.map(|id| LinkKey::new(LinkKind::Invoice, id));
        let invoice = invoice.and_then(|key| links.get(&key));
        [Some(link), invoice].into_iter().flatten()
    })
}

/// The purchases that a payment may have brought.
fn deposits(prefix: &str, payment: &ExportedPayment, links: &Links) -> Vec<String> {
    let own = payment.ids.iter().map(|id| format!("{prefix}{id}"));
    let linked = known(payment, links).filter_map(|link| link.deposit.clone());
    own.chain(linked).collect()
}

/// Whether a period that a payment paid has a grant. A period of a year has one each month.
async fn has_grant(
    db: &Database,
    payment: &ExportedPayment,
    links: &Links,
) -> Result<bool, StoreError> {
    for period in known(payment, links).filter_map(|link| link.period.as_ref()) {
        let span = (period.start, period.end);
        if !read::grants(db, &period.subscription, span)
            .await?
            .is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}
