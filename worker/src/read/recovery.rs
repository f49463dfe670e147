//! What recovery reads: which transactions and references the ledger has, and what was recovered.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::{
    db::{
        Database, StoreError,
        bulk::{Column, rows},
        get,
    },
    position::Settled,
};

const EXISTING: &str = "\
SELECT pg_catalog.pg_is_in_recovery() AS is_standby, r.id, t.id IS NOT NULL AS is_there
FROM UNNEST($1::uuid[]) AS r (id) LEFT JOIN credits_transaction t ON t.id = r.id";

/// Only a completed recovery says which range is settled.
const SETTLED: &str = "\
SELECT detail ->> 'from' AS since, detail ->> 'until' AS until FROM operator_action
WHERE action = 'recover' AND status = 'COMPLETED' AND detail ->> 'until' IS NOT NULL";

/// An empty sender means a command without one; an absent one, that references are unique per
/// origin.
const REFERENCES: &str = "\
SELECT r.number, t.status = 'COMPLETED' AS is_completed
FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text::text[])
  AS r (number, origin, reference_id, sender)
JOIN credits_transaction t ON t.origin = r.origin AND t.reference_id = r.reference_id
  AND (r.sender IS NULL OR COALESCE(t.sender, '') = r.sender)";

/// The reference of a command, by which the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The name of the origin.
    pub origin: &'static str,
    pub id: String,
    /// The sender, if references are unique per sender. Empty for a command without one.
    pub sender: Option<String>,
}

/// The ids that the ledger has. `None` if the server is a standby. It reads over the connections of
/// the group commit, because that is the server that matters.
pub async fn existing_transactions(
    db: &Database,
    ids: &BTreeSet<Uuid>,
) -> Result<Option<BTreeSet<Uuid>>, StoreError> {
    let doing = "look up acknowledged transactions";
    if db.backend() == DbBackend::Sqlite {
        return Ok(None);
    }
    let values = rows(
        db.backend(),
        vec![Column::Id(ids.iter().copied().collect())],
    );
    let mut existing = BTreeSet::new();
    for row in query(db, doing, EXISTING, values).await? {
        if get::<bool>(&row, "is_standby")? {
            return Ok(None);
        }
        if get::<bool>(&row, "is_there")? {
            existing.insert(get(&row, "id")?);
        }
    }
    Ok(Some(existing))
}

/// The ranges that operators have recovered or accepted.
pub async fn settled_ranges(db: &Database) -> Result<Vec<Settled>, StoreError> {
    let doing = "read from the audit log what was recovered";
    let mut settled = Vec::new();
    for row in query(db, doing, SETTLED, Vec::new()).await? {
        let (from, until): (Option<String>, Option<String>) =
            (get(&row, "since")?, get(&row, "until")?);
        let instant = |text: Option<String>| text.and_then(|text| text.parse().ok());
        if let Some((from, until)) = instant(from).zip(instant(until)) {
            settled.push(Settled { from, until });
        }
    }
    Ok(settled)
}

/// Looks up references. For each one whether its command was completed, else refused; `None` if the
/// ledger does not have it.
pub async fn decided_references(
    db: &Database,
    references: &[Reference],
) -> Result<Vec<Option<bool>>, StoreError> {
    let doing = "look up the references of retained commands";
    let mut decided = vec![None; references.len()];
    let numbers = (0..).take(references.len()).collect();
    let columns = vec![
        Column::Number(numbers),
        Column::Text(references.iter().map(|one| one.origin.to_owned()).collect()),
        Column::Text(references.iter().map(|one| one.id.clone()).collect()),
        Column::texts(references.iter().map(|one| one.sender.as_deref())),
    ];
    for row in query(db, doing, REFERENCES, rows(db.backend(), columns)).await? {
        let number: i64 = get(&row, "number")?;
        let place = usize::try_from(number).ok();
        if let Some(place) = place.and_then(|number| decided.get_mut(number)) {
            *place = Some(get(&row, "is_completed")?);
        }
    }
    Ok(decided)
}

async fn query(
    db: &Database,
    doing: &'static str,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(db.backend(), sql, values);
    let queried = db.connection().query_all_raw(statement);
    db.timeout().wait(doing, queried).await
}
