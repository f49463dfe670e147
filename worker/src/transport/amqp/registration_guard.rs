//! The registered lanes.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// The queues of the lanes that are registered, and of those that have tried to.
#[derive(Debug, Default)]
pub struct Registrations {
    registered: BTreeSet<String>,
    tried: BTreeSet<String>,
}

impl Registrations {
    /// Number of registered lanes.
    pub fn count(&self) -> usize {
        self.registered.len()
    }

    /// Whether the lanes of all these queues are registered.
    pub fn has_all(&self, queues: &[String]) -> bool {
        queues.iter().all(|queue| self.registered.contains(queue))
    }

    /// Whether each of these queues has been registered on, or turned out to be unavailable.
    pub fn has_tried_all(&self, queues: &[String]) -> bool {
        queues.iter().all(|queue| self.tried.contains(queue))
    }
}

/// Counts a lane as registered until the guard is dropped.
pub struct RegistrationGuard<'a> {
    registrations: &'a watch::Sender<Registrations>,
    queue: &'a str,
    taken: bool,
}

impl<'a> RegistrationGuard<'a> {
    /// A guard of a lane that is not registered yet.
    pub fn none(registrations: &'a watch::Sender<Registrations>, queue: &'a str) -> Self {
        Self {
            registrations,
            queue,
            taken: false,
        }
    }

    /// Counts the lane as registered.
    pub fn take(&mut self) {
        self.taken = true;
        self.registrations.send_modify(|all| {
            all.registered.insert(self.queue.to_owned());
            all.tried.insert(self.queue.to_owned());
        });
    }

    /// The lane cannot register now.
    pub fn fail(&self) {
        self.registrations
            .send_if_modified(|all| all.tried.insert(self.queue.to_owned()));
    }

    /// Whether the lane is or was registered.
    pub fn is_taken(&self) -> bool {
        self.taken
    }
}

impl Drop for RegistrationGuard<'_> {
    fn drop(&mut self) {
        if self.taken {
            self.registrations.send_modify(|all| {
                all.registered.remove(self.queue);
            });
        }
    }
}
