//! When a PostgreSQL session is replaced.
//!
//! A session keeps the settings that its role and its database had when it was opened (`ALTER ROLE
//! … SET`, `ALTER DATABASE … SET`), even after they are changed back, and the pool keeps a
//! connection for half an hour. So a session is closed instead of reused if those settings have
//! changed since it was opened, or if it could not write.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Tracks which sessions of a store may still be used.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Sessions that were opened earlier are closed. `None`: no session was replaced yet.
    replaced_at: Option<Instant>,
    /// Last value of `session::SETTINGS`. `None`: not read yet.
    settings: Option<i64>,
}

impl Sessions {
    /// Replaces every session that is open now. Each is closed when the pool would reuse it.
    pub fn replace(&self) {
        self.state().replaced_at = Some(Instant::now());
    }

    /// Stores the current value of `session::SETTINGS`. If it has changed, replaces the open
    /// sessions and returns `true`.
    pub fn note_settings(&self, settings: i64) -> bool {
        let mut state = self.state();
        let known = state.settings.replace(settings);
        let is_new = known.is_some_and(|known| known != settings);
        if is_new {
            state.replaced_at = Some(Instant::now());
        }
        is_new
    }

    /// Whether a session of this age may still be used.
    pub fn is_current(&self, age: Duration) -> bool {
        let replaced_at = self.state().replaced_at;
        replaced_at.is_none_or(|replaced_at| replaced_at.elapsed() >= age)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_mins(1);

    #[test]
    fn a_session_is_replaced_after_the_settings_have_changed() {
        let sessions = Sessions::default();
        assert!(
            !sessions.note_settings(1),
            "the first settings are no change"
        );
        assert!(!sessions.note_settings(1));
        assert!(sessions.is_current(OLD));
        assert!(sessions.note_settings(2));
        assert!(!sessions.is_current(OLD));
        assert!(
            sessions.is_current(Duration::ZERO),
            "it was opened after the change"
        );
    }
}
