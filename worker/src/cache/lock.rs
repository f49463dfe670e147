//! A lock among workers: the first worker that sets a key holds it.

use std::time::Duration;

use super::Redis;

impl Redis {
    /// Takes the lock `name` for `lifetime`. `None`: Redis does not answer, so the result is
    /// unknown.
    pub async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Option<bool> {
        let key = self.key(&format!("lock:{name}"));
        let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let owner = owner.to_owned();
        let set = |mut connection| async move {
            redis::cmd("SET")
                .arg(key)
                .arg(owner)
                .arg("NX")
                .arg("PX")
                .arg(millis)
                .query_async::<Option<String>>(&mut connection)
                .await
        };
        let answer = self.request(set).await?;
        Some(answer.is_some())
    }
}
