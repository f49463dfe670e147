//! Who of several workers does something: the first one that sets a key.

use std::time::Duration;

use super::Redis;

impl Redis {
    /// Takes the lock of that name for so long. `None`: Redis does not answer, and nobody knows.
    pub async fn lock(&self, name: &str, owner: &str, lives: Duration) -> Option<bool> {
        let key = self.key(&format!("lock:{name}"));
        let millis = u64::try_from(lives.as_millis()).unwrap_or(u64::MAX);
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
        let answer = self.ask(Self::patience(), set).await?;
        Some(answer.is_some())
    }
}
