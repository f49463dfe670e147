//! Users of Redis with no more privileges than they need: a worker that writes balances and takes
//! locks, an app that reads balances. Printed for an administrator, without passwords.

/// Users of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users<'a> {
    /// The prefix of the keys.
    pub namespace: &'a str,
    /// The name of the user of workers.
    pub worker: &'a str,
    /// The name of the user of apps.
    pub app: &'a str,
}

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user {0:?} cannot be used; allowed are 1 to 63 letters (a-z, A-Z), digits, `_` and `-`")]
pub struct UserNameError(String);

/// What every client may do: find out whether Redis answers, and use another database than 0.
const EVERY: &str = "+ping +select";
/// What a worker does: `balances`, `lock`.
const WORKER: &str = "+get +set +pttl +script|load +evalsha";
/// What an app may do.
const APP: &str = "+get +mget +exists +ttl +pttl";

impl Users<'_> {
    /// The rules of the worker, as Redis' configuration and `ACL SETUSER` take them.
    pub fn worker_rules(&self) -> String {
        let namespace = self.namespace;
        format!(
            "resetkeys ~{namespace}:balance:* ~{namespace}:lock:* resetchannels clearselectors -@all {EVERY} {WORKER}"
        )
    }

    /// The rules of apps: they read balances.
    pub fn app_rules(&self) -> String {
        let namespace = self.namespace;
        format!("resetkeys %R~{namespace}:balance:* resetchannels clearselectors -@all {EVERY} {APP}")
    }

    /// Two commands for `redis-cli`, one a line. A user that exists keeps its passwords; a new one
    /// has none and is let in once it has.
    pub fn script(&self) -> Result<String, UserNameError> {
        for name in [self.worker, self.app] {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            if name.is_empty() || name.len() > 63 || !name.bytes().all(is_plain) {
                return Err(UserNameError(name.to_owned()));
            }
        }
        Ok(format!(
            "ACL SETUSER {} on {}\nACL SETUSER {} on {}\n",
            self.worker,
            self.worker_rules(),
            self.app,
            self.app_rules()
        ))
    }
}
