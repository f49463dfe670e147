//! Scenarios of guards and metered streams, over each queue. A responder replaces the worker and
//! records the commands.

use std::{collections::HashSet, future::Future, time::Duration};

use futures_util::{StreamExt, stream};
use producer_sdk::{
    Client, Command, Error, HoldGuard, HoldResult, Usage,
    contract::{Body, Late, Outcome, OutcomeError, Overrun, Status},
};
use tokio::sync::mpsc::UnboundedReceiver;

/// A user whose captures and releases get no outcome at first.
pub const SLOW: &str = "slow";
/// A user without credits.
pub const POOR: &str = "poor";

/// The deadline of the client that does not wait long.
pub const SHORT: Duration = Duration::from_secs(3);

/// Clients, and the commands that the responder received.
pub struct Peer {
    pub client: Client,
    /// A client whose deadline is [`SHORT`].
    pub impatient: Client,
    pub commands: UnboundedReceiver<Command>,
}

/// The decisions of the responder.
#[derive(Default)]
pub struct Decisions(HashSet<String>);

impl Decisions {
    /// The outcome of a command, or `None` if it gets none.
    pub fn outcome(&mut self, command: &Command) -> Option<Outcome> {
        let is_first = self.0.insert(command.reference_id.clone());
        let is_hold = matches!(command.body, Body::Hold(_));
        if command.user_id == SLOW && is_first && !is_hold {
            return None;
        }
        let refused = command.user_id == POOR;
        Some(Outcome {
            reference_id: command.reference_id.clone(),
            kind: command.kind().as_str().to_owned(),
            user_id: command.user_id.clone(),
            status: if refused {
                Status::Failed
            } else {
                Status::Completed
            },
            replayed: !is_first,
            amount: Some(match &command.body {
                Body::Capture(capture) => -capture.quantity.or(capture.amount).unwrap_or(40),
                _ => 0,
            }),
            balance: Some(100),
            available: None,
            transactions: Vec::new(),
            allocations: Vec::new(),
            held: is_hold.then_some(40),
            hold_expires_at: "2026-11-22T10:15:00Z".parse().ok().filter(|_| is_hold),
            uncaptured: None,
            revoked: None,
            taken: None,
            indebted: None,
            restored: None,
            cancelled: None,
            forgiven: None,
            repaid: None,
            debt: None,
            granted: None,
            clipped: None,
            over_cap: None,
            default_price: None,
            skipped: None,
            stale: None,
            error: refused.then(|| OutcomeError {
                code: "insufficient_credits".to_owned(),
                message: "no credits".to_owned(),
                required: Some(40),
                available: Some(0),
                first_reference_id: None,
                first_transaction_id: None,
            }),
        })
    }
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_mins(1);
    let Ok(value) = tokio::time::timeout(limit, future).await else {
        panic!("{what} did not happen within {limit:?}");
    };
    value
}

impl Peer {
    /// The next command that the responder received, without its time.
    async fn next(&mut self) -> Command {
        let command = soon("the next command", self.commands.recv()).await;
        let mut command = command.expect("the responder runs");
        command.occurred_at = None;
        command
    }

    async fn hold(&mut self) -> HoldGuard {
        let client = self.client.clone();
        self.hold_with(&client, &request("user_1")).await
    }

    async fn hold_with(&mut self, client: &Client, command: &Command) -> HoldGuard {
        let held = soon("the hold", client.hold(command)).await;
        assert_eq!(&self.next().await, command);
        held.expect("an outcome").into_result().expect("held")
    }
}

fn request(user: &str) -> Command {
    Command::hold("call", user, "llm:tokens").quantity(40)
}

fn capture(number: u32) -> Command {
    Command::capture(format!("call:{number}"), "user_1", "call").is_final(true)
}

fn release() -> Command {
    Command::release("call:release", "user_1", "call")
}

/// Three items of a stream, which used 1, 2 and 3 units.
fn items() -> Vec<Result<i64, &'static str>> {
    vec![Ok(1), Ok(2), Ok(3)]
}

pub async fn a_guard_that_is_dropped_releases_its_hold(mut peer: Peer) {
    let hold = peer.hold().await;
    assert_eq!((hold.reference_id(), hold.held()), ("call", 40));
    assert_eq!(
        hold.expires_at().map(|at| at.to_rfc3339()).as_deref(),
        Some("2026-11-22T10:15:00+00:00")
    );
    drop(hold);
    assert_eq!(peer.next().await, release());
}

pub async fn a_guard_that_was_captured_released_or_kept_sends_nothing_more(mut peer: Peer) {
    let mut hold = peer.hold().await;
    let outcome = soon("the outcome", hold.capture(Usage::Quantity(13))).await;
    assert_eq!(outcome.expect("an outcome").amount, Some(-13));
    assert_eq!(peer.next().await, capture(1).quantity(13));
    let again = hold.capture(Usage::Rest).await;
    assert!(matches!(again, Err(Error::HoldEnded)), "{again:?}");
    drop(hold);

    let mut hold = peer.hold().await;
    soon("the outcome", hold.release()).await.expect("released");
    assert_eq!(peer.next().await, release());
    drop(hold);

    let hold = peer.hold().await;
    assert_eq!(hold.keep(), "call");

    let last = Command::consume("last", "user_1", "llm:tokens");
    soon("the outcome", peer.client.send(&last))
        .await
        .expect("an outcome");
    assert_eq!(peer.next().await, last);
}

pub async fn each_step_has_a_reference_of_its_own_and_the_options_of_the_guard(mut peer: Peer) {
    let hold = peer.hold().await;
    let mut hold = hold.overrun(Overrun::Reject).late(Late::Reject);
    for usage in [Usage::Quantity(1), Usage::Amount(2)] {
        soon("the outcome", hold.capture_step(usage))
            .await
            .expect("an outcome");
    }
    soon("the outcome", hold.capture(Usage::Rest))
        .await
        .expect("an outcome");
    let set = |command: Command| command.overrun(Overrun::Reject).late(Late::Reject);
    let first = set(capture(1).is_final(false).quantity(1));
    assert_eq!(peer.next().await, first);
    assert_eq!(peer.next().await, set(capture(2).is_final(false).amount(2)));
    assert_eq!(peer.next().await, set(capture(3)));
}

pub async fn a_capture_without_an_outcome_is_sent_again_and_not_released(mut peer: Peer) {
    let impatient = peer.impatient.clone();
    let mut hold = peer.hold_with(&impatient, &request(SLOW)).await;
    let error = hold.capture(Usage::Rest).await.expect_err("no outcome");
    assert!(error.is_timeout(), "{error:?}");
    let first = peer.next().await;
    let outcome = loop {
        match soon("the outcome", hold.capture(Usage::Rest)).await {
            Ok(outcome) => break outcome,
            Err(error) => assert!(error.is_timeout(), "{error:?}"),
        }
    };
    assert!(outcome.replayed);
    assert_eq!(peer.next().await, first);
}

pub async fn a_release_without_an_outcome_is_not_sent_by_the_drop(mut peer: Peer) {
    let impatient = peer.impatient.clone();
    let mut hold = peer.hold_with(&impatient, &request(SLOW)).await;
    let error = hold.release().await.expect_err("no outcome");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(peer.next().await.reference_id, "call:release");
    drop(hold);
    let last = Command::consume("last", "user_1", "llm:tokens");
    soon("the outcome", peer.client.send(&last))
        .await
        .expect("an outcome");
    assert_eq!(peer.next().await, last);
}

pub async fn a_refused_hold_gives_no_guard(mut peer: Peer) {
    let refused = soon("the hold", peer.client.hold(&request(POOR))).await;
    let HoldResult::Refused(outcome) = refused.expect("an outcome") else {
        panic!("held without credits");
    };
    assert_eq!(outcome.error_code(), Some("insufficient_credits"));
    assert_eq!(peer.next().await, request(POOR));
}

pub async fn what_cannot_be_a_guard_is_not_sent(mut peer: Peer) {
    let long = Command::hold("x".repeat(189), "user_1", "llm:tokens");
    let error = peer.client.hold(&long).await.expect_err("too long");
    let field = |error: &Error| {
        error
            .rejection()
            .and_then(|rejection| rejection.field.clone())
    };
    assert_eq!(field(&error).as_deref(), Some("referenceId"));
    let consume = Command::consume("c", "user_1", "llm:tokens");
    let error = peer.client.hold(&consume).await.expect_err("no hold");
    assert_eq!(field(&error).as_deref(), Some("type"));
    let mut hold = peer.hold().await;
    let error = hold
        .capture(Usage::Quantity(0))
        .await
        .expect_err("not a quantity");
    assert_eq!(field(&error).as_deref(), Some("quantity"));
    drop(hold);
    assert_eq!(peer.next().await, release());
}

pub async fn a_stream_is_captured_with_its_sum_before_it_ends(mut peer: Peer) {
    let hold = peer.hold().await;
    let (metered, settlement) = hold.meter(stream::iter(items()), |used| *used);
    let passed: Vec<_> = soon("the end", metered.collect()).await;
    assert_eq!(passed, items());
    let captured = peer.commands.try_recv().expect("captured before the end");
    assert_eq!(
        captured.body,
        capture(1).quantity(6).overrun(Overrun::Cap).body
    );
    let outcome = soon("the outcome", settlement).await;
    assert_eq!(outcome.expect("an outcome").amount, Some(-6));
}

pub async fn an_aborted_stream_is_captured_with_what_was_delivered(mut peer: Peer) {
    let hold = peer.hold().await;
    let (mut metered, settlement) = hold.meter(stream::iter(items()), |used| *used);
    metered.next().await.expect("an item").expect("no error");
    metered.next().await.expect("an item").expect("no error");
    assert_eq!(metered.total(), 3);
    drop(metered);
    assert_eq!(
        peer.next().await,
        capture(1).quantity(3).overrun(Overrun::Cap)
    );
    let outcome = soon("the outcome", settlement).await;
    assert_eq!(outcome.expect("an outcome").amount, Some(-3));
}

pub async fn a_stream_that_fails_is_released_or_captured_by_option(mut peer: Peer) {
    let failing = || stream::iter([Ok(5), Err("the model failed"), Ok(7)]);
    let hold = peer.hold().await;
    let (metered, settlement) = hold.meter(failing(), |used| *used);
    let passed: Vec<_> = soon("the end", metered.collect()).await;
    assert_eq!(passed, [Ok(5), Err("the model failed")]);
    assert_eq!(peer.next().await, release());
    let outcome = soon("the outcome", settlement).await;
    assert_eq!(outcome.expect("an outcome").kind, "release");

    let hold = peer.hold().await;
    let (metered, _) = hold.meter(failing(), |used| *used);
    let passed: Vec<_> = soon("the end", metered.capture_on_error().collect()).await;
    assert_eq!(passed.len(), 2);
    assert_eq!(
        peer.next().await,
        capture(1).quantity(5).overrun(Overrun::Cap)
    );
}

pub async fn a_stream_counts_credits_if_the_hold_does_and_releases_if_nothing_was_used(
    mut peer: Peer,
) {
    let client = peer.client.clone();
    let in_credits = Command::hold("call", "user_1", "llm:tokens").amount(40);
    let hold = peer.hold_with(&client, &in_credits).await;
    let (metered, _) = hold
        .overrun(Overrun::Spend)
        .meter(stream::iter(items()), |used| *used);
    soon("the end", metered.count()).await;
    assert_eq!(
        peer.next().await,
        capture(1).amount(6).overrun(Overrun::Spend)
    );

    let hold = peer.hold().await;
    let (metered, _) = hold.meter(stream::iter(items()), |_| 0);
    soon("the end", metered.count()).await;
    assert_eq!(peer.next().await, release());
}

/// A test for each scenario. The function `peer` takes the scenario.
#[macro_export]
macro_rules! hold_scenarios {
    ($peer:path) => {
        $crate::hold_scenarios! { $peer:
            a_guard_that_is_dropped_releases_its_hold,
            a_guard_that_was_captured_released_or_kept_sends_nothing_more,
            each_step_has_a_reference_of_its_own_and_the_options_of_the_guard,
            a_capture_without_an_outcome_is_sent_again_and_not_released,
            a_release_without_an_outcome_is_not_sent_by_the_drop,
            a_refused_hold_gives_no_guard,
            what_cannot_be_a_guard_is_not_sent,
            a_stream_is_captured_with_its_sum_before_it_ends,
            an_aborted_stream_is_captured_with_what_was_delivered,
            a_stream_that_fails_is_released_or_captured_by_option,
            a_stream_counts_credits_if_the_hold_does_and_releases_if_nothing_was_used,
        }
    };
    ($peer:path: $($scenario:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $scenario() {
            $peer(holds::$scenario).await;
        })+
    };
}
