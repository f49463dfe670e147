//! Reads the deposits that revocations name, the revocations that reinstatements name, and debts.

use std::collections::{BTreeSet, HashMap, HashSet, hash_map::Entry};

use ledger::{
    Action, Book, Command, DepositRecord, Origin, RevocationPart, RevocationRecord, RevokeTarget,
    RevokedCredits,
};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{
    detail,
    from_row::{stored_batch, unknown},
    load::{Loader, texts},
    sql,
};
use crate::{
    db::{StoreError, bulk::Column, get},
    read::stored_debts,
};

/// The origins of deposits. Grants of periods and bonuses are internal.
const ORIGINS: [Origin; 2] = [Origin::Funding, Origin::Internal];

/// What the revocations and reinstatements of a group name, each with the user of the command.
#[derive(Default)]
struct Named<'c> {
    deposits: BTreeSet<(&'static str, &'c str, &'c str)>,
    payments: BTreeSet<(&'c str, &'c str, &'c str)>,
    revocations: BTreeSet<(&'static str, &'c str, &'c str)>,
}

impl<'c> Named<'c> {
    fn from_commands(commands: &'c [Command]) -> Self {
        let mut named = Self::default();
        for command in commands {
            let user_id = command.user_id.as_str();
            match &command.action {
                Action::Revoke(revoke) => match &revoke.target {
                    RevokeTarget::Reference(of) => {
                        let origins = ORIGINS.map(|origin| (origin.as_str(), of.as_str(), user_id));
                        named.deposits.extend(origins);
                    }
                    RevokeTarget::Payment {
                        purchase_id,
                        purchase_line,
                    } => {
                        let line = purchase_line.as_deref().unwrap_or_default();
                        named.payments.insert((purchase_id, line, user_id));
                    }
                },
                Action::Reinstate(reinstate) => {
                    let origin = command.origin.as_str();
                    named.revocations.insert((origin, &reinstate.of, user_id));
                }
                _ => {}
            }
        }
        named
    }
}

/// Three columns of texts.
fn columns(rows: &BTreeSet<(&str, &str, &str)>) -> Vec<Column> {
    vec![
        texts(rows.iter().map(|(first, ..)| *first)),
        texts(rows.iter().map(|(_, second, _)| *second)),
        texts(rows.iter().map(|(.., third)| *third)),
    ]
}

impl<C: ConnectionTrait> Loader<'_, C> {
    /// Reads what revocations and reinstatements name, with the batches of their deposits, also the
    /// empty ones. Reads the open debts of the users in `indebted`, and all debts of the
    /// revocations.
    pub(super) async fn debts(
        &self,
        commands: &[Command],
        indebted: &[String],
        book: &mut Book,
    ) -> Result<(), StoreError> {
        let named = Named::from_commands(commands);
        let revocations = self.revocations(&named).await?;
        let parts = revocations.iter().flat_map(|revocation| &revocation.parts);
        let deposit_ids = parts.map(|part| part.deposit_id).collect();
        self.deposits(&named, deposit_ids, book).await?;
        let ids: Vec<Uuid> = revocations.iter().map(|one| one.transaction_id).collect();
        for revocation in revocations {
            book.add_revocation(revocation);
        }
        if indebted.is_empty() && ids.is_empty() {
            return Ok(());
        }
        let users = indebted.iter().map(String::as_str);
        let statement = stored_debts::statement(self.backend(), users, ids);
        let rows = self.connection.query_all_raw(statement);
        for row in self.timeout.wait("read debts", rows).await? {
            book.add_debt(stored_debts::from_row(&row)?);
        }
        Ok(())
    }

    async fn deposits(
        &self,
        named: &Named<'_>,
        ids: Vec<Uuid>,
        book: &mut Book,
    ) -> Result<(), StoreError> {
        if named.deposits.is_empty() && named.payments.is_empty() && ids.is_empty() {
            return Ok(());
        }
        let mut values = self.rows(columns(&named.deposits));
        values.extend(self.rows(columns(&named.payments)));
        values.extend(self.rows(vec![Column::Id(ids)]));
        let mut found: HashMap<Uuid, DepositRecord> = HashMap::new();
        let mut batches = HashSet::new();
        for row in self.query("read deposits", &sql::DEPOSITS, values).await? {
            let deposit = match found.entry(get(&row, "deposit")?) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(deposit(&row)?),
            };
            let Some(batch_id) = get::<Option<Uuid>>(&row, "id")? else {
                continue;
            };
            if batches.insert(batch_id) {
                deposit.expired = deposit.expired.saturating_add(get(&row, "expired")?);
                if let Some(wallet) = book.wallet_mut(&deposit.user_id) {
                    wallet.add_batch_once(stored_batch(&row)?);
                }
            }
        }
        for deposit in found.into_values() {
            book.add_deposit(deposit);
        }
        Ok(())
    }

    async fn revocations(&self, named: &Named<'_>) -> Result<Vec<RevocationRecord>, StoreError> {
        if named.revocations.is_empty() {
            return Ok(Vec::new());
        }
        let values = self.rows(columns(&named.revocations));
        let mut found: Vec<RevocationRecord> = Vec::new();
        for row in self
            .query("read revocations", &sql::REVOCATIONS, values)
            .await?
        {
            let id: Uuid = get(&row, "revocation_id")?;
            let position = found.iter().position(|one| one.transaction_id == id);
            let position = position.unwrap_or(found.len());
            if position == found.len() {
                found.push(revocation(&row)?);
            }
            add_part(&mut found[position].parts, &row)?;
        }
        Ok(found)
    }
}

fn deposit(row: &QueryResult) -> Result<DepositRecord, StoreError> {
    let id: Uuid = get(row, "deposit")?;
    let (kind, origin): (String, String) = (get(row, "type")?, get(row, "origin")?);
    Ok(DepositRecord {
        transaction_id: id,
        kind: kind
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "type", &kind))?,
        user_id: get(row, "user_id")?,
        origin: origin
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "origin", &origin))?,
        sender: get(row, "sender")?,
        reference_id: get(row, "reference_id")?,
        purchase_id: get(row, "purchase_id")?,
        purchase_line: get(row, "purchase_line")?,
        related_id: get(row, "related_id")?,
        issued: get(row, "issued")?,
        expired: 0,
        revoked: RevokedCredits {
            revoked: get(row, "revoked")?,
            fraction: get(row, "fraction")?,
            taken: get(row, "taken")?,
            indebted: get(row, "indebted")?,
        },
    })
}

/// A revocation without its parts.
fn revocation(row: &QueryResult) -> Result<RevocationRecord, StoreError> {
    let id: Uuid = get(row, "revocation_id")?;
    let origin: String = get(row, "origin")?;
    Ok(RevocationRecord {
        transaction_id: id,
        user_id: get(row, "user_id")?,
        origin: origin
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "origin", &origin))?,
        sender: get(row, "sender")?,
        reference_id: get(row, "reference_id")?,
        is_reinstated: get(row, "is_reinstated")?,
        parts: Vec::new(),
    })
}

/// Adds the batch of a row to the part of a revocation that it belongs to.
fn add_part(parts: &mut Vec<RevocationPart>, row: &QueryResult) -> Result<(), StoreError> {
    let id: Uuid = get(row, "part_id")?;
    if parts.last().is_none_or(|part| part.transaction_id != id) {
        let text: Option<String> = get(row, "detail")?;
        let detail = detail::from_text(text.as_deref(), &id.to_string())?;
        let missing = || unknown("credits_transaction", id, "detail", "without the deposit");
        parts.push(RevocationPart {
            transaction_id: id,
            deposit_id: detail.deposit_id.ok_or_else(missing)?,
            revoked: detail.revoked.ok_or_else(missing)?,
            taken: Vec::new(),
        });
    }
    let taken_from: Option<Uuid> = get(row, "taken_from")?;
    if let (Some(batch_id), Some(part)) = (taken_from, parts.last_mut()) {
        part.taken.push((batch_id, get(row, "taken")?));
    }
    Ok(())
}
