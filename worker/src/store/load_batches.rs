//! Reads the batches of wallets: the first ones in spending order, and more in a larger window
//! where these do not cover the demand.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};
use ledger::{Batch, Book, Command, Wallet};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::{
    from_row::{batch, wallet},
    load::{Loader, texts},
    need::{Need, named_hold},
    sql,
};
use crate::db::{StoreError, get};

/// Batches of a wallet that the first query reads. If they do not cover the demand, the wallet is
/// read again with a larger window.
const FIRST_WINDOW: i64 = 16;
/// Factor by which the window grows with each further query.
const WINDOW_GROWTH: i64 = 16;

impl<C: ConnectionTrait> Loader<'_, C> {
    /// Reads wallets without locking them, with the batches that the commands may need. PostgreSQL
    /// only.
    ///
    /// Returns the users of whom only a part of the batches was read, or `None` if a user has no
    /// wallet.
    pub async fn read_wallets(
        &self,
        commands: &[Command],
        mut demand: BTreeMap<&str, Need>,
        book: &mut Book,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let mut values = self.rows(vec![texts(demand.keys().copied())]);
        values.push(FIRST_WINDOW.into());
        let statement = Statement::from_sql_and_values(self.backend(), sql::READ_WALLETS, values);
        let rows = self
            .timeout
            .wait("read wallets", self.connection.query_all_raw(statement))
            .await?;
        let mut found: HashMap<String, (Wallet, Vec<Batch>)> = HashMap::with_capacity(demand.len());
        for row in &rows {
            let (_, batches) = match found.entry(get(row, "user_id")?) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert((wallet(row)?, Vec::new())),
            };
            if get::<Option<Uuid>>(row, "id")?.is_some() {
                batches.push(batch(row)?);
            }
        }
        if found.len() < demand.len() {
            return Ok(None);
        }
        let has_holds = found
            .values()
            .any(|(wallet, _)| wallet.holds_end_at.is_some());
        if has_holds || commands.iter().any(|command| named_hold(command).is_some()) {
            let wallets = found.values_mut().map(|(wallet, _)| wallet);
            self.holds(commands, wallets, &mut demand).await?;
        }
        let mut partial = Vec::new();
        for (user_id, (mut wallet, batches)) in found {
            let needed = demand.get(user_id.as_str()).cloned().unwrap_or_default();
            if let Some(whole) = self.add_if_covered(batches, FIRST_WINDOW, &needed, &mut wallet) {
                demand.remove(user_id.as_str());
                if !whole {
                    partial.push(user_id);
                }
            }
            book.add_wallet(wallet);
        }
        partial.extend(
            self.more_batches(demand, FIRST_WINDOW * WINDOW_GROWTH, book)
                .await?,
        );
        Ok(Some(partial))
    }

    /// Reads the batches that the commands may need: every expired batch that is still ACTIVE, and
    /// as many others as cover the demand of each user.
    pub(super) async fn batches(
        &self,
        mut demand: BTreeMap<&str, Need>,
        book: &mut Book,
    ) -> Result<(), StoreError> {
        demand.retain(|user_id, _| {
            book.wallet(user_id)
                .is_some_and(|wallet| wallet.balance > 0)
        });
        self.more_batches(demand, FIRST_WINDOW, book).await?;
        Ok(())
    }

    /// Reads batches like [`Self::batches`], beginning with `window` batches of each user. Returns
    /// the users who have more batches than were read.
    async fn more_batches(
        &self,
        mut demand: BTreeMap<&str, Need>,
        mut window: i64,
        book: &mut Book,
    ) -> Result<Vec<String>, StoreError> {
        let mut partial = Vec::new();
        while !demand.is_empty() {
            let mut values = self.rows(vec![texts(demand.keys().copied())]);
            values.push(window.into());
            let mut found: HashMap<String, Vec<Batch>> = HashMap::new();
            for row in self.query("read batches", &sql::BATCHES, values).await? {
                found
                    .entry(get(&row, "user_id")?)
                    .or_default()
                    .push(batch(&row)?);
            }
            demand.retain(|user_id, needed| {
                let batches = found.remove(*user_id).unwrap_or_default();
                let Some(wallet) = book.wallet_mut(user_id) else {
                    return false;
                };
                let whole = self.add_if_covered(batches, window, needed, wallet);
                if whole == Some(false) {
                    partial.push((*user_id).to_owned());
                }
                whole.is_none()
            });
            window = window.saturating_mul(WINDOW_GROWTH);
        }
        Ok(partial)
    }

    /// Adds the first batches of a wallet to it, read with a limit of `window`, if they cover the
    /// need. Returns whether they are all batches of the wallet, or `None` if they do not
    /// cover the need.
    fn add_if_covered(
        &self,
        batches: Vec<Batch>,
        window: i64,
        needed: &Need,
        wallet: &mut Wallet,
    ) -> Option<bool> {
        let whole = i64::try_from(batches.len()).is_ok_and(|count| count < window);
        if !covers(&batches, whole, needed, self.now) {
            return None;
        }
        for batch in batches {
            wallet.add_batch(batch);
        }
        Some(whole)
    }
}

/// Whether the first batches of a wallet are all batches that it has (`whole`), or include every
/// expired batch and every needed one, and cover the needed credits.
pub(super) fn covers(batches: &[Batch], whole: bool, needed: &Need, now: DateTime<Utc>) -> bool {
    let has_all_expired = batches.last().is_some_and(|last| last.spendable_at(now));
    let spendable = batches
        .iter()
        .filter(|batch| batch.spendable_at(now))
        .map(Batch::free);
    let mut funding = needed.batches.iter();
    whole
        || (has_all_expired
            && funding.all(|id| batches.iter().any(|batch| batch.id == *id))
            && spendable.fold(0, i64::saturating_add) >= needed.credits)
}
