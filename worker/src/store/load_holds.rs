//! Reads the holds of wallets with their slices, and finds what captures may need.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Action, Command, HoldRecord, HoldSlice, HoldStatus, Price, Wallet};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{
    from_row::unknown,
    load::{Loader, texts},
    need::{Need, named_hold},
    sql,
};
use crate::db::{StoreError, get};

impl<C: ConnectionTrait> Loader<'_, C> {
    /// Adds to wallets their open holds, and the closed ones that commands name. Adds to the needs
    /// of their users the batches that fund these holds, and what captures may cost.
    pub(super) async fn holds<'w>(
        &self,
        commands: &[Command],
        wallets: impl Iterator<Item = &'w mut Wallet>,
        needs: &mut BTreeMap<&str, Need>,
    ) -> Result<(), StoreError> {
        let named = commands.iter().filter_map(|command| {
            let reference = named_hold(command)?;
            Some((command.user_id.as_str(), reference.as_str()))
        });
        let named: BTreeSet<(&str, &str)> = named.collect();
        let users: BTreeSet<&str> = named.iter().map(|(user_id, _)| *user_id).collect();
        let is_needed = |wallet: &Wallet| {
            wallet.holds_end_at.is_some() || users.contains(wallet.user_id.as_str())
        };
        let wallets = wallets.filter(|wallet| is_needed(wallet));
        let mut wallets: BTreeMap<String, &mut Wallet> = wallets
            .map(|wallet| (wallet.user_id.clone(), wallet))
            .collect();
        if wallets.is_empty() {
            return Ok(());
        }
        let with_holds = wallets
            .values()
            .filter(|wallet| wallet.holds_end_at.is_some());
        let with_holds = texts(with_holds.map(|wallet| wallet.user_id.as_str()));
        let mut values = self.rows(vec![with_holds]);
        values.extend(self.rows(vec![
            texts(named.iter().map(|(user_id, _)| *user_id)),
            texts(named.iter().map(|(_, reference)| *reference)),
        ]));
        let rows = self.query("read holds", &sql::HOLDS, values).await?;
        for hold in rows.chunk_by(is_same_hold) {
            let user_id: String = get(&hold[0], "user_id")?;
            let (record, batches) = hold_record(hold)?;
            if let Some(wallet) = wallets.get_mut(&user_id) {
                wallet.add_hold(record);
            }
            if let Some(need) = needs.get_mut(user_id.as_str()) {
                need.batches.extend(batches);
            }
        }
        for wallet in wallets.into_values() {
            if let Some(need) = needs.get_mut(wallet.user_id.as_str()) {
                let cost = self.captures(commands, wallet);
                need.credits = need.credits.saturating_add(cost);
            }
        }
        Ok(())
    }

    /// The maximum of credits that the captures of a wallet may take.
    pub(super) fn captures(&self, commands: &[Command], wallet: &Wallet) -> i64 {
        let captures = commands.iter().filter(|command| {
            matches!(command.action, Action::Capture(_)) && command.user_id == wallet.user_id
        });
        captures
            .map(|capture| self.rules.demand(capture, wallet.holds(), commands))
            .fold(0, i64::saturating_add)
    }
}

fn is_same_hold(one: &QueryResult, other: &QueryResult) -> bool {
    let id = |row| get::<Uuid>(row, "hold_id").ok();
    id(one) == id(other)
}

/// A hold from the rows of its slices, and the ACTIVE batches that captures may take from.
fn hold_record(rows: &[QueryResult]) -> Result<(HoldRecord, Vec<Uuid>), StoreError> {
    let row = &rows[0];
    let id: Uuid = get(row, "hold_id")?;
    let (origin, status): (String, String) = (get(row, "origin")?, get(row, "status")?);
    let price: (Option<i64>, Option<i64>) = (get(row, "price_credits")?, get(row, "price_per")?);
    let mut record = HoldRecord {
        id,
        origin: origin
            .parse()
            .map_err(|_| unknown("credits_hold", id, "origin", &origin))?,
        sender: get(row, "sender")?,
        reference_id: get(row, "reference_id")?,
        service: get(row, "service")?,
        price: price
            .0
            .zip(price.1)
            .map(|(credits, per)| Price { credits, per }),
        amount: get(row, "amount")?,
        captured: get(row, "captured")?,
        status: status
            .parse()
            .map_err(|_| unknown("credits_hold", id, "status", &status))?,
        expires_at: get(row, "expires_at")?,
        closed_at: get(row, "closed_at")?,
        slices: Vec::new(),
    };
    let mut batches = Vec::new();
    for row in rows {
        let Some(batch_id) = get::<Option<Uuid>>(row, "batch_id")? else {
            continue;
        };
        let slice = HoldSlice {
            batch_id,
            amount: get(row, "slice_amount")?,
            captured: get(row, "slice_captured")?,
        };
        let is_active = get::<Option<String>>(row, "batch_status")?.as_deref() == Some("ACTIVE");
        let is_in_use = matches!(record.status, HoldStatus::Open | HoldStatus::Expired);
        if is_active && is_in_use && slice.rest() > 0 {
            batches.push(batch_id);
        }
        record.slices.push(slice);
    }
    Ok((record, batches))
}
