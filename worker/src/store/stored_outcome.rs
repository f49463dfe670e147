//! Reads the outcome of a command that was decided before, without deciding anything.

use chrono::Utc;
use ledger::{Outcome, Rules, TransactionType};
use producer_sdk::contract::{self, Origin};

use super::{
    Store,
    load::{Loader, texts},
};
use crate::{
    db::{StoreError, bulk::Column},
    outcome::{Named, settled},
};

impl Store {
    /// The stored outcome of a command, as a replay returns it. `None` if the ledger does not have
    /// the command.
    ///
    /// `sender` is the account that sent the command, empty for a command without one; `None` if
    /// references are unique per origin.
    pub async fn stored_outcome(
        &self,
        origin: Origin,
        reference_id: &str,
        sender: Option<&str>,
    ) -> Result<Option<contract::Outcome>, StoreError> {
        let loader = Loader {
            connection: self.read_connection(),
            timeout: self.timeout(),
            rules: &Rules::default(),
            now: Utc::now(),
        };
        let reference = loader.rows(vec![
            texts([origin.as_str()]),
            texts([reference_id]),
            Column::texts([sender].into_iter()),
        ]);
        let Some(command) = loader.recorded(reference).await?.into_iter().next() else {
            return Ok(None);
        };
        let own = command.transactions.first();
        let kind = own.map_or("", |transaction| command_of(transaction.kind));
        let named = Named {
            reference_id: &command.reference_id,
            kind,
            user_id: &command.user_id,
        };
        let mut outcome = Outcome::from_transactions(command.transactions.clone(), None);
        outcome.replayed = true;
        Ok(Some(settled(&named, &outcome)))
    }
}

/// The `type` of the command that makes a transaction of this type.
fn command_of(kind: TransactionType) -> &'static str {
    match kind {
        TransactionType::Consumption => "consume",
        TransactionType::RegistrationBonus
        | TransactionType::Promotion
        | TransactionType::MonthlyGrant => "grant",
        TransactionType::Expiration => "expire",
        TransactionType::Revocation => "revoke",
        TransactionType::Reinstatement => "reinstate",
        TransactionType::Forgiveness => "forgive",
        // All others have the name of their command.
        other => other.as_str(),
    }
}
