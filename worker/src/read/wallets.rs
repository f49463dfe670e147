//! Reads all wallets page by page, in the order of their users.

use chrono::{DateTime, Utc};
use ledger::Rules;
use producer_sdk::contract::BalanceResult;
use sea_orm::DatabaseConnection;

use super::{ReadError, balance};

/// Wallets that one statement reads. The limit bounds its time, even if few wallets match.
const SCANNED: u32 = 1_000;

/// Filter of wallets. `None` in a field excludes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletFilter {
    /// Prefix of the user's id.
    pub prefix: Option<String>,
    /// `ACTIVE` or `FROZEN`.
    pub status: Option<String>,
    /// Minimum of `balance`, which includes expired credits that the expiry job has not booked yet.
    pub min_balance: Option<i64>,
    /// Minimum of `availableCredits`.
    pub min_available: Option<i64>,
    /// Maximum of `availableCredits`.
    pub max_available: Option<i64>,
    /// Only wallets with a batch that expires before this instant.
    pub expires_before: Option<DateTime<Utc>>,
}

/// A page of wallets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletPage {
    /// The wallets that match the filter, of those that were read.
    pub wallets: Vec<BalanceResult>,
    /// The last user that was read. The next page begins after this user. `None` on the last page.
    pub next: Option<String>,
}

impl WalletFilter {
    fn matches(&self, wallet: &BalanceResult) -> bool {
        let available = wallet.available_credits;
        self.prefix
            .as_ref()
            .is_none_or(|prefix| wallet.user_id.starts_with(prefix))
            && self
                .status
                .as_ref()
                .is_none_or(|status| wallet.status == *status)
            && self.min_balance.is_none_or(|least| wallet.balance >= least)
            && self.min_available.is_none_or(|least| available >= least)
            && self.max_available.is_none_or(|most| available <= most)
            && self.expires_before.is_none_or(|until| {
                let next = wallet.next_expiring_batch.as_ref();
                next.is_some_and(|next| next.expires_at < until)
            })
    }
}

/// The next wallets after `after` that match the filter, as they are at `now`. A page may be empty
/// although others follow.
pub async fn wallets(
    db: &DatabaseConnection,
    filter: &WalletFilter,
    after: Option<&str>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<WalletPage, ReadError> {
    let prefix = filter.prefix.as_deref().unwrap_or_default();
    // Ids have at most 200 bytes, so this text sorts after all ids with the prefix. The order of
    // bytes is the order of characters.
    let last = format!("{prefix}{}", char::MAX.to_string().repeat(51));
    let after = after.unwrap_or_default();
    let is_before_prefix = after < prefix;
    let mut wallets = Vec::new();
    if is_before_prefix {
        // The user whose id equals the prefix sorts before all others with the prefix.
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
    wallets.retain(|wallet| filter.matches(wallet));
    Ok(WalletPage { wallets, next })
}
