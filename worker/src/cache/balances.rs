//! A key for each wallet: `{namespace}:balance:{userId}`, the result of the `balance` query as JSON.
//!
//! A value is written only over one of an older version of the wallet, or of the same, so an old one never wins over a
//! new one. It expires when what it says stops being true by itself (a batch lapses, a grant falls due), and after a
//! minute in any case, so that one which should have been replaced does not stay.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use producer_sdk::contract::BalanceResult;
use redis::Script;

use super::Redis;

/// A value lives no longer than this.
const LONGEST: Duration = Duration::from_mins(1);
/// A query that Redis does not answer in this time is answered by the database.
const QUICK: Duration = Duration::from_millis(50);

/// Writes `ARGV[1]` for `ARGV[3]` ms unless a newer version than `ARGV[2]` stands there. A value
/// that is no balance of ours is written over: another type of value, a version that is no number
/// or larger than any, a value that never expires.
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

    /// What is known of a user; `None`: nothing, or Redis does not answer.
    pub async fn get(&self, user_id: &str) -> Option<BalanceResult> {
        let key = self.key(user_id);
        let read = |mut connection| async move {
            redis::cmd("GET")
                .arg(key)
                .query_async::<Option<Vec<u8>>>(&mut connection)
                .await
        };
        let text = self.0.ask(QUICK, read).await??;
        // What cannot be read is not ours: the database answers, and writes over it.
        serde_json::from_slice(&text).ok()
    }

    /// Writes what was read at `now`, each unless something newer is there.
    pub async fn put(&self, balances: &[BalanceResult], now: DateTime<Utc>) {
        let mut pipeline = redis::pipe();
        // The script has to be there before it is called by its hash.
        pipeline.cmd("SCRIPT").arg("LOAD").arg(WRITE_TEXT).ignore();
        let mut count = 0_usize;
        for balance in balances {
            let (Some(lives), Ok(text)) = (lives(balance, now), serde_json::to_string(balance)) else {
                continue;
            };
            let call = pipeline.cmd("EVALSHA").arg(WRITE.get_hash()).arg(1);
            let call = call.arg(self.key(&balance.user_id));
            call.arg(text).arg(balance.version).arg(lives).ignore();
            count += 1;
        }
        if count == 0 {
            return;
        }
        let write = |mut connection| async move { pipeline.query_async::<()>(&mut connection).await };
        self.0.ask(Redis::patience(), write).await;
    }

    fn key(&self, user_id: &str) -> String {
        self.0.key(&format!("balance:{user_id}"))
    }
}

/// For how many milliseconds a balance that was read at `now` stays true; `None`: not at all.
fn lives(balance: &BalanceResult, now: DateTime<Utc>) -> Option<u64> {
    let lapses = balance.next_expiring_batch.as_ref().map(|batch| batch.expires_at);
    let grant = balance.next_grant_info.as_ref().map(|grant| grant.grant_date);
    if grant.is_some_and(|at| at <= now) {
        // Its period has started and waits for events that may be on their way.
        return None;
    }
    let next = [lapses, grant].into_iter().flatten().min();
    let left = next.map_or(LONGEST, |at| (at - now).to_std().unwrap_or_default());
    let millis = u64::try_from(left.min(LONGEST).as_millis()).unwrap_or_default();
    (millis > 0).then_some(millis)
}
