//! [`HoldGuard`]: reserved credits that are captured, released, or released in the background.

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tracing::debug;

use crate::client::Client;
use crate::contract::{
    Body, Command, HoldsResult, Kind, Late, MAX_ID_BYTES, Origin, Outcome, Overrun, Query,
    QuoteResult, Rejection,
};
use crate::error::{Error, Result};

/// The bytes that the references of captures and of the release add to the reference of the hold.
const SUFFIX_BYTES: usize = 12;

/// The code of the refusal of a hold that has ended.
const HOLD_CLOSED: &str = "hold_closed";

/// The result of [`Client::hold`].
#[derive(Debug)]
pub enum HoldResult {
    /// The credits are reserved.
    Held(HoldGuard),
    /// The command was refused, for example with `insufficient_credits`.
    Refused(Box<Outcome>),
}

impl HoldResult {
    /// The guard, or the outcome of a refusal.
    pub fn into_result(self) -> std::result::Result<HoldGuard, Box<Outcome>> {
        match self {
            Self::Held(guard) => Ok(guard),
            Self::Refused(outcome) => Err(outcome),
        }
    }
}

/// What a capture charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// All that the hold still reserves.
    Rest,
    /// This number of credits.
    Amount(i64),
    /// This number of units, at the price that was in force when the hold was made.
    Quantity(i64),
}

/// Credits that are reserved for one piece of work whose cost is not known yet.
///
/// Charge the work with [`capture`](Self::capture), or step by step with
/// [`capture_step`](Self::capture_step). Dropping the guard releases what is still reserved, in the
/// background: best effort, because the process may end before the release is sent. In any case the
/// hold ends at [`expires_at`](Self::expires_at).
///
/// The references of its commands follow from the reference of the hold: `{hold}:1`, `{hold}:2` and
/// so on for captures, and `{hold}:release`. So a capture can be repeated after an error, and is
/// applied once.
#[derive(Debug)]
#[must_use = "dropping the guard releases the hold"]
pub struct HoldGuard {
    client: Client,
    runtime: Handle,
    user_id: String,
    hold: String,
    origin: Origin,
    /// Whether the hold names credits, not units.
    pub(crate) is_in_credits: bool,
    outcome: Box<Outcome>,
    pub(crate) overrun: Option<Overrun>,
    late: Option<Late>,
    /// The number of captures that have an outcome.
    captures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The hold reserves credits.
    Open,
    /// A capture or release was sent and has no outcome. It may be applied.
    Unanswered,
    /// The hold has ended.
    Closed,
}

impl Client {
    /// Sends a `hold` and returns a guard of the reserved credits. A refusal is a result, not an
    /// error.
    ///
    /// Its reference has at most 188 bytes, because the references of its captures are longer.
    ///
    /// ```no_run
    /// # async fn example(client: producer_sdk::Client) -> Result<(), producer_sdk::Error> {
    /// use producer_sdk::{Command, HoldResult, Usage};
    ///
    /// let hold = Command::hold("call-7f3a", "user_123", "llm:tokens")
    ///     .quantity(4_000)
    ///     .expires_in_seconds(300);
    /// let mut hold = match client.hold(&hold).await? {
    ///     HoldResult::Held(hold) => hold,
    ///     HoldResult::Refused(outcome) => {
    ///         println!("refused: {:?}", outcome.error_code());
    ///         return Ok(());
    ///     }
    /// };
    /// // The call to the model: it used 1,234 tokens.
    /// let outcome = hold.capture(Usage::Quantity(1_234)).await?;
    /// # println!("{:?}", outcome.amount);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime.
    pub async fn hold(&self, command: &Command) -> Result<HoldResult> {
        let Body::Hold(hold) = &command.body else {
            return Err(Error::Rejected(Rejection::invalid(
                "type",
                format!("\"{}\"", command.kind().as_str()),
                format!("\"{}\" for a guard", Kind::Hold.as_str()),
            )));
        };
        let max = MAX_ID_BYTES - SUFFIX_BYTES;
        if command.reference_id.len() > max {
            return Err(Error::Rejected(Rejection::invalid(
                "referenceId",
                format!("{} bytes", command.reference_id.len()),
                format!("at most {max} bytes for a guard, whose captures have longer references"),
            )));
        }
        let outcome = self.send(command).await?;
        if !outcome.is_completed() {
            return Ok(HoldResult::Refused(Box::new(outcome)));
        }
        Ok(HoldResult::Held(HoldGuard {
            client: self.clone(),
            runtime: Handle::current(),
            user_id: command.user_id.clone(),
            hold: command.reference_id.clone(),
            origin: command.origin(),
            is_in_credits: hold.amount.is_some(),
            outcome: Box::new(outcome),
            overrun: None,
            late: None,
            captures: 0,
            state: State::Open,
        }))
    }
}

impl Client {
    /// The holds of a user that reserve credits, the first to end first.
    pub async fn holds(&self, user_id: &str) -> Result<HoldsResult> {
        self.list_holds(user_id, false).await
    }

    /// All holds of a user. Those that have ended come last.
    pub async fn all_holds(&self, user_id: &str) -> Result<HoldsResult> {
        self.list_holds(user_id, true).await
    }

    async fn list_holds(&self, user_id: &str, all: bool) -> Result<HoldsResult> {
        let user_id = user_id.to_owned();
        let query = Query::Holds { user_id, all };
        self.query_result(&query, self.deadline).await
    }

    /// What a `hold` or `consume` of `quantity` units would do now: its cost and the batches that
    /// it would use, or its refusal. Nothing is reserved, so a later command may be decided
    /// otherwise.
    pub async fn quote(&self, user_id: &str, service: &str, quantity: i64) -> Result<QuoteResult> {
        let query = Query::Quote {
            user_id: user_id.to_owned(),
            service: service.to_owned(),
            amount: None,
            quantity: Some(quantity),
        };
        self.query_result(&query, self.deadline).await
    }

    /// Like [`quote`](Self::quote), for a number of credits.
    pub async fn quote_amount(
        &self,
        user_id: &str,
        service: &str,
        credits: i64,
    ) -> Result<QuoteResult> {
        let query = Query::Quote {
            user_id: user_id.to_owned(),
            service: service.to_owned(),
            amount: Some(credits),
            quantity: None,
        };
        self.query_result(&query, self.deadline).await
    }
}

impl HoldGuard {
    /// The reference of the hold.
    pub fn reference_id(&self) -> &str {
        &self.hold
    }

    /// The outcome of the `hold`.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The credits that were reserved at first.
    pub fn held(&self) -> i64 {
        self.outcome.held.unwrap_or_default()
    }

    /// The first instant at which nothing is reserved any more.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.outcome.hold_expires_at
    }

    /// Sets what becomes of the part of a capture that the hold does not cover.
    pub fn overrun(mut self, overrun: Overrun) -> Self {
        self.overrun = Some(overrun);
        self
    }

    /// Sets what becomes of a capture whose hold has ended.
    pub fn late(mut self, late: Late) -> Self {
        self.late = Some(late);
        self
    }

    /// Charges the work and ends the hold. What is left is available again.
    ///
    /// After an error the capture may be applied or not: call this again with the same usage. The
    /// guard does not release the hold then. After a refusal the hold still reserves its credits,
    /// and a capture of less may be accepted.
    pub async fn capture(&mut self, usage: Usage) -> Result<Outcome> {
        let outcome = self.send_capture(usage, true).await?;
        if outcome.is_completed() {
            self.state = State::Closed;
        }
        Ok(outcome)
    }

    /// Charges a part of the work and keeps the rest reserved.
    ///
    /// After an error call this again with the same usage, as [`capture`](Self::capture).
    pub async fn capture_step(&mut self, usage: Usage) -> Result<Outcome> {
        self.send_capture(usage, false).await
    }

    /// Ends the hold without a charge. What it reserves is available again.
    pub async fn release(&mut self) -> Result<Outcome> {
        if self.state == State::Closed {
            return Err(Error::HoldEnded);
        }
        self.state = State::Unanswered;
        let outcome = self.client.send(&self.release_command()).await?;
        // A refusal such as `credits_disabled` leaves the hold open.
        let has_ended = outcome.is_completed() || outcome.error_code() == Some("hold_closed");
        self.state = if has_ended {
            State::Closed
        } else {
            State::Open
        };
        Ok(outcome)
    }

    /// Keeps the hold after the guard is gone, until it is captured, released or ends by time.
    /// Returns its reference.
    pub fn keep(mut self) -> String {
        self.state = State::Closed;
        self.hold.clone()
    }

    async fn send_capture(&mut self, usage: Usage, is_final: bool) -> Result<Outcome> {
        if self.state == State::Closed {
            return Err(Error::HoldEnded);
        }
        let reference_id = format!("{}:{}", self.hold, self.captures.saturating_add(1));
        let mut command = Command::capture(reference_id, &self.user_id, &self.hold)
            .through(self.origin)
            .is_final(is_final);
        match usage {
            Usage::Rest => {}
            Usage::Amount(credits) => command = command.amount(credits),
            Usage::Quantity(units) => command = command.quantity(units),
        }
        if let Some(overrun) = self.overrun {
            command = command.overrun(overrun);
        }
        if let Some(late) = self.late {
            command = command.late(late);
        }
        // An invalid command is not sent, so the hold stays open.
        command.check()?;
        self.state = State::Unanswered;
        let outcome = self.client.send(&command).await?;
        self.captures = self.captures.saturating_add(1);
        self.state = if outcome.error_code() == Some(HOLD_CLOSED) {
            State::Closed
        } else {
            State::Open
        };
        Ok(outcome)
    }

    fn release_command(&self) -> Command {
        let reference_id = format!("{}:release", self.hold);
        Command::release(reference_id, &self.user_id, &self.hold).through(self.origin)
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for HoldGuard {
    fn drop(&mut self) {
        if self.state != State::Open {
            return;
        }
        let (client, command) = (self.client.clone(), self.release_command());
        self.runtime.spawn(async move {
            if let Err(error) = client.send(&command).await {
                debug!(
                    reference = command.reference_id,
                    %error,
                    "hold not released, it ends by time"
                );
            }
        });
    }
}
