//! Looks remembered ids up in the database.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Behind, Remembered};
use crate::{
    db::{Database, StoreError},
    read,
};

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server is a standby, which may lack commits for a moment.
    Unknown,
    /// The book has every remembered commit.
    Complete,
    /// The book lacks commits.
    Behind(Behind),
}

/// Checks whether the database has what was acknowledged. Other ledgers' ids are ignored.
pub async fn check(
    database: &Database,
    ledger: Uuid,
    mut all: Vec<Remembered>,
) -> Result<Finding, StoreError> {
    all.retain(|remembered| remembered.ledger == ledger);
    let ids: BTreeSet<Uuid> = all
        .iter()
        .flat_map(|remembered| remembered.transactions.ids().copied())
        .collect();
    if ids.is_empty() {
        return Ok(Finding::Complete);
    }
    let Some(existing) = read::existing_transactions(database, &ids).await? else {
        return Ok(Finding::Unknown);
    };
    if existing.len() == ids.len() {
        return Ok(Finding::Complete);
    }
    let settled = read::settled_ranges(database).await?;
    let behind = Behind::find(&all, &existing, &settled);
    Ok(behind.map_or(Finding::Complete, Finding::Behind))
}
