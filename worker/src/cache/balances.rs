//! Balances in Redis: one key per wallet, `{namespace}:balance:{userId}`, with the result of the
//! `balance` query as JSON. Apps may read it; the worker only writes.
//!
//! A value overwrites only the same or an older version of the wallet, so an old value never
//! replaces a newer one. A value expires when it becomes false by itself: a batch expires, a hold
//! ends, or a grant falls due. It also expires after a minute, so that a value whose replacement
//! was lost does not stay.

use std::{sync::LazyLock, time::Duration};

use chrono::{DateTime, Utc};
use producer_sdk::contract::BalanceResult;
use redis::Script;

use super::Redis;

/// Longest lifetime of a value.
const LONGEST: Duration = Duration::from_mins(1);

/// Writes `ARGV[1]` for `ARGV[3]` ms, unless the key holds a version newer than `ARGV[2]`. Any
/// value that the worker cannot have written is overwritten: another Redis type, a version that is
/// not a number or is too large, a value without an expiry.
const WRITE_TEXT: &str = r"local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' and redis.call('PTTL', KEYS[1]) > 0 then
  local read, value = pcall(cjson.decode, known)
  local version = read and type(value) == 'table' and value.version
  if type(version) == 'number' and version < 2 ^ 53 and version > tonumber(ARGV[2]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1";

static WRITE: LazyLock<Script> = LazyLock::new(|| Script::new(WRITE_TEXT));

/// Balances in Redis.
#[derive(Clone, Debug)]
pub struct Balances(Redis);

impl Balances {
    /// Balances in `redis`.
    pub const fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Writes balances that were read at `now`, unless Redis has newer ones.
    pub async fn put(&self, balances: &[BalanceResult], now: DateTime<Utc>) {
        let mut pipeline = redis::pipe();
        // Loads the script before it is called by its hash.
        pipeline.cmd("SCRIPT").arg("LOAD").arg(WRITE_TEXT).ignore();
        let mut count = 0_usize;
        for balance in balances {
            let (Some(lifetime), Ok(text)) = (
                lifetime_millis(balance, now),
                serde_json::to_string(balance),
            ) else {
                continue;
            };
            let call = pipeline.cmd("EVALSHA").arg(WRITE.get_hash()).arg(1);
            let call = call.arg(self.key(&balance.user_id));
            call.arg(text).arg(balance.version).arg(lifetime).ignore();
            count += 1;
        }
        if count == 0 {
            return;
        }
        let write =
            |mut connection| async move { pipeline.query_async::<()>(&mut connection).await };
        self.0.request(write).await;
    }

    fn key(&self, user_id: &str) -> String {
        self.0.key(&format!("balance:{user_id}"))
    }
}

/// Milliseconds for which a balance that was read at `now` stays true; `None` if it is not true.
fn lifetime_millis(balance: &BalanceResult, now: DateTime<Utc>) -> Option<u64> {
    let expiry = balance
        .next_expiring_batch
        .as_ref()
        .map(|batch| batch.expires_at);
    let grant = balance
        .next_grant_info
        .as_ref()
        .map(|grant| grant.grant_date);
    if grant.is_some_and(|at| at <= now) {
        // The period of the grant has started. Its events may still be on their way.
        return None;
    }
    let next = [expiry, grant, balance.holds_end_at];
    let next = next.into_iter().flatten().min();
    let left = next.map_or(LONGEST, |at| (at - now).to_std().unwrap_or_default());
    let millis = u64::try_from(left.min(LONGEST).as_millis()).unwrap_or_default();
    (millis > 0).then_some(millis)
}
