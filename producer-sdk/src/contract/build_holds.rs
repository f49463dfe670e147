//! Constructors and setters of the commands `hold`, `capture` and `release`.

use chrono::{DateTime, Utc};
use scrip_types::{Late, Overrun};

use super::command::{Body, Command};
use super::holds::{Capture, Hold, Release};
use super::instant;

impl Command {
    /// Reserves credits for a service: the price of one unit, unless [`amount`](Self::amount) or
    /// [`quantity`](Self::quantity) is set. The reference names the hold.
    pub fn hold(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        let hold = Hold {
            service: service.into(),
            amount: None,
            quantity: None,
            expires_at: None,
            expires_in_seconds: None,
        };
        Self::new(reference_id, user_id, Body::Hold(hold))
    }

    /// Spends credits that the hold with the reference `hold` reserves: all of them, unless
    /// [`amount`](Self::amount) or [`quantity`](Self::quantity) is set.
    pub fn capture(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        hold: impl Into<String>,
    ) -> Self {
        let capture = Capture {
            hold: hold.into(),
            amount: None,
            quantity: None,
            is_final: None,
            overrun: None,
            late: None,
        };
        Self::new(reference_id, user_id, Body::Capture(capture))
    }

    /// Ends the hold with the reference `hold` and returns what it still reserves.
    pub fn release(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        hold: impl Into<String>,
    ) -> Self {
        let release = Release { hold: hold.into() };
        Self::new(reference_id, user_id, Body::Release(release))
    }

    /// The first instant at which a `hold` reserves nothing any more.
    #[must_use]
    pub fn expires_at(mut self, at: DateTime<Utc>) -> Self {
        match &mut self.body {
            Body::Hold(hold) => hold.expires_at = Some(instant::truncate(at)),
            _ => self.misplaced = Some("expiresAt"),
        }
        self
    }

    /// The seconds after which a `hold` reserves nothing any more.
    #[must_use]
    pub fn expires_in_seconds(mut self, seconds: i64) -> Self {
        match &mut self.body {
            Body::Hold(hold) => hold.expires_in_seconds = Some(seconds),
            _ => self.misplaced = Some("expiresInSeconds"),
        }
        self
    }

    /// Whether the hold ends with this `capture`. With `false` the rest stays reserved.
    #[must_use]
    pub fn is_final(mut self, is_final: bool) -> Self {
        match &mut self.body {
            Body::Capture(capture) => capture.is_final = Some(is_final),
            _ => self.misplaced = Some("final"),
        }
        self
    }

    /// What becomes of the part of a `capture` that the hold does not cover.
    #[must_use]
    pub fn overrun(mut self, overrun: Overrun) -> Self {
        match &mut self.body {
            Body::Capture(capture) => capture.overrun = Some(overrun),
            _ => self.misplaced = Some("overrun"),
        }
        self
    }

    /// What becomes of a `capture` whose hold has ended.
    #[must_use]
    pub fn late(mut self, late: Late) -> Self {
        match &mut self.body {
            Body::Capture(capture) => capture.late = Some(late),
            _ => self.misplaced = Some("late"),
        }
        self
    }
}
