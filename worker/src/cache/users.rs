//! Redis users with the least privileges: a worker writes balances and takes locks, an app reads
//! balances. The commands are printed for an administrator, without passwords.

/// The Redis users of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users<'a> {
    /// The prefix of the keys.
    pub namespace: &'a str,
    /// The Redis user of workers.
    pub worker: &'a str,
    /// The Redis user of apps.
    pub app: &'a str,
}

/// A user name that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Redis user is {0:?}; allowed are 1 to 63 letters (a-z, A-Z), digits, `_` and `-`")]
pub struct UserNameError(String);

/// Commands of every client: check whether Redis answers, and select a database other than 0.
const EVERY: &str = "+ping +select";
/// Commands of a worker, used by `balances` and `lock`; the script of `balances` calls `GET`.
const WORKER: &str = "+get +set +pttl +script|load +evalsha";
/// Commands of an app.
const APP: &str = "+get +mget +exists +ttl +pttl";

impl Users<'_> {
    /// The ACL rules of workers, in the syntax of the Redis configuration and of `ACL SETUSER`.
    pub fn worker_rules(&self) -> String {
        let namespace = self.namespace;
        format!(
            "resetkeys ~{namespace}:balance:* ~{namespace}:lock:* resetchannels clearselectors \
             -@all {EVERY} {WORKER}"
        )
    }

    /// The ACL rules of apps.
    pub fn app_rules(&self) -> String {
        let namespace = self.namespace;
        format!(
            "resetkeys %R~{namespace}:balance:* resetchannels clearselectors -@all {EVERY} {APP}"
        )
    }

    /// Two commands for `redis-cli`, one per line. An existing user keeps its passwords. A new user
    /// has no password and cannot log in until it has one.
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
