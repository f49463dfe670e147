//! All wallets, page by page in the order of their users.

use chrono::{DateTime, Utc};
use ledger::Rules;
use producer_sdk::contract::BalanceResult;
use sea_orm::DatabaseConnection;

use super::{ReadError, balance};

/// Wallets that one statement looks at, so that it is quick however few of them are wanted.
const SCANNED: u32 = 1_000;

/// Which wallets are wanted; what is absent excludes none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletFilter {
    /// What the user's id begins with.
    pub prefix: Option<String>,
    /// `ACTIVE` or `FROZEN`.
    pub status: Option<String>,
    /// `balance` at least, lapsed credits included.
    pub min_balance: Option<i64>,
    /// `availableCredits` at least.
    pub min_available: Option<i64>,
    /// `availableCredits` at most.
    pub max_available: Option<i64>,
    /// Only those of which something expires before this instant.
    pub expires_before: Option<DateTime<Utc>>,
}

/// Some wallets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletPage {
    /// Those that are wanted, of the wallets that were looked at.
    pub wallets: Vec<BalanceResult>,
    /// The last user that was looked at, after whom the next page begins; absent at the end.
    pub next: Option<String>,
}

impl WalletFilter {
    fn wants(&self, wallet: &BalanceResult) -> bool {
        let available = wallet.available_credits;
        self.prefix
            .as_ref()
            .is_none_or(|prefix| wallet.user_id.starts_with(prefix))
            && self.status.as_ref().is_none_or(|status| wallet.status == *status)
            && self.min_balance.is_none_or(|least| wallet.balance >= least)
            && self.min_available.is_none_or(|least| available >= least)
            && self.max_available.is_none_or(|most| available <= most)
            && self.expires_before.is_none_or(|until| {
                let next = wallet.next_expiring_batch.as_ref();
                next.is_some_and(|next| next.expires_at < until)
            })
    }
}

/// The wanted ones of the next wallets after `after`, as they are at `now`. A page may be empty, and others follow.
pub async fn wallets(
    db: &DatabaseConnection,
    filter: &WalletFilter,
    after: Option<&str>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<WalletPage, ReadError> {
    let prefix = filter.prefix.as_deref().unwrap_or_default();
    // Ids have at most 200 bytes, so this is behind all that begin with the prefix. Bytes are in the order of characters.
    let last = format!("{prefix}{}", char::MAX.to_string().repeat(51));
    let after = after.unwrap_or_default();
    let is_before_prefix = after < prefix;
    let mut wallets = Vec::new();
    if is_before_prefix {
        // The user whose id is the prefix itself comes before all others that begin with it.
        wallets = balance::balances(db, &[prefix], rules, now).await?;
    }
    let after = if is_before_prefix { prefix } else { after };
    let page = balance::page(db, (after, &last), SCANNED, rules, now).await?;
    let is_full = page.len() == SCANNED as usize;
    let next = page
        .last()
        .map(|wallet| wallet.user_id.clone())
        .filter(|_| is_full);
    wallets.extend(page);
    wallets.retain(|wallet| filter.wants(wallet));
    Ok(WalletPage { wallets, next })
}
