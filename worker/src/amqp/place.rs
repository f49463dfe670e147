//! A lane's place among those that are registered.

use tokio::sync::watch;

/// A lane's place among those that are registered, given up when it is dropped.
pub struct Place<'a> {
    count: &'a watch::Sender<usize>,
    taken: bool,
}

impl<'a> Place<'a> {
    /// Not registered yet.
    pub fn none(count: &'a watch::Sender<usize>) -> Self {
        Self { count, taken: false }
    }

    /// Registered.
    pub fn take(&mut self) {
        self.taken = true;
        self.count.send_modify(|count| *count += 1);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.taken {
            self.count.send_modify(|count| *count = count.saturating_sub(1));
        }
    }
}
