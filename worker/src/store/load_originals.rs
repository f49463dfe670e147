//! Reads the consumptions and captures that refunds name, with the batches that they took from.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use ledger::{Action, Book, Command, Origin};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{
    from_row::{original, stored_batch},
    load::{Loader, texts},
    sql,
};
use crate::db::{StoreError, get};

impl<C: ConnectionTrait> Loader<'_, C> {
    /// Reads the transactions that the refunds of the group may name, and adds the batches that
    /// they took from to their wallets, also those that are empty.
    pub(super) async fn originals(
        &self,
        commands: &[Command],
        book: &mut Book,
    ) -> Result<(), StoreError> {
        let named = named(commands);
        if named.is_empty() {
            return Ok(());
        }
        let values = self.rows(vec![
            texts(named.iter().map(|(origin, ..)| *origin)),
            texts(named.iter().map(|(_, of, _)| *of)),
            texts(named.iter().map(|(.., user_id)| *user_id)),
        ]);
        let mut found = HashMap::new();
        for row in self
            .query("read refunded transactions", &sql::ORIGINALS, values)
            .await?
        {
            let known = match found.entry(get::<Uuid>(&row, "original_id")?) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(original(&row)?),
            };
            if let Some(batch_id) = get::<Option<Uuid>>(&row, "taken_from")? {
                known.taken.insert(batch_id, get(&row, "taken")?);
            }
            let wallet = book.wallet_mut(&known.user_id);
            if let (Some(wallet), Some(_)) = (wallet, get::<Option<Uuid>>(&row, "id")?) {
                wallet.add_batch_once(stored_batch(&row)?);
            }
        }
        for original in found.into_values() {
            book.add_original(original);
        }
        Ok(())
    }
}

/// Origin, reference and user of the transactions that refunds may name. Those of support staff may
/// also name transactions of apps.
fn named(commands: &[Command]) -> BTreeSet<(&str, &str, &str)> {
    let mut named = BTreeSet::new();
    for command in commands {
        if let Action::Refund(refund) = &command.action {
            for origin in [command.origin, Origin::Usage] {
                named.insert((
                    origin.as_str(),
                    refund.of.as_str(),
                    command.user_id.as_str(),
                ));
                if command.origin != Origin::Funding {
                    break;
                }
            }
        }
    }
    named
}
