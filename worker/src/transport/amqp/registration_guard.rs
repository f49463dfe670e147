//! Counts the registered lanes.

use tokio::sync::watch;

/// Counts a lane as registered until the guard is dropped.
pub struct RegistrationGuard<'a> {
    count: &'a watch::Sender<usize>,
    taken: bool,
}

impl<'a> RegistrationGuard<'a> {
    /// A guard of a lane that is not registered yet.
    pub fn none(count: &'a watch::Sender<usize>) -> Self {
        Self {
            count,
            taken: false,
        }
    }

    /// Counts the lane as registered.
    pub fn take(&mut self) {
        self.taken = true;
        self.count.send_modify(|count| *count += 1);
    }

    /// Whether the lane is or was registered.
    pub fn is_taken(&self) -> bool {
        self.taken
    }
}

impl Drop for RegistrationGuard<'_> {
    fn drop(&mut self) {
        if self.taken {
            self.count
                .send_modify(|count| *count = count.saturating_sub(1));
        }
    }
}
