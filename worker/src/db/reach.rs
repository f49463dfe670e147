//! The first connection to PostgreSQL: an error says at once what is wrong, and what to do.
//!
//! A pool that cannot connect tries again until its time is over, and then reports only that.

use std::time::Duration;

use super::{
    addresses::Addresses, error::StoreError, finder, guard::ServerGuard, replaced::Sessions,
};

/// Finds a server that may be used, and keeps no connection. Returns at once for SQLite.
pub async fn reach(url: &str, within: Duration) -> Result<(), StoreError> {
    if !url.starts_with("postgres") {
        return Ok(());
    }
    let addresses = Addresses::parse(url)?;
    let guard = ServerGuard::new(addresses.primary_only, Sessions::default());
    finder::find(&addresses, &guard, None, within).await?;
    Ok(())
}
