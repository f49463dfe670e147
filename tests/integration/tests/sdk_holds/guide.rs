//! The code of the guide for AI calls, which runs here as the guide shows it.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use producer_sdk::{Client, Command, HoldResult, contract::Outcome};
use testkit::sources::root;

use super::guard::{available, with_credits};
use crate::queries::fixture::{Fixture, On, in_time};

#[derive(Debug, PartialEq)]
struct ModelError;

#[derive(Debug)]
enum AnswerError {
    #[allow(dead_code, reason = "a failed test prints it")]
    Ledger(producer_sdk::Error),
    Model(ModelError),
    Refused(Box<Outcome>),
}

impl From<producer_sdk::Error> for AnswerError {
    fn from(error: producer_sdk::Error) -> Self {
        Self::Ledger(error)
    }
}

impl From<ModelError> for AnswerError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

// The guide begins here.
/// The tokens that a model delivers one after the other.
type TokenStream = Pin<Box<dyn Stream<Item = Result<String, ModelError>> + Send>>;

/// The most tokens that one answer may have.
const MAX_TOKENS: i64 = 1_500;

/// The tokens of the model's answer. They are charged as they are read.
async fn answer(
    client: &Client,
    request_id: &str,
    user_id: &str,
    model: impl Future<Output = Result<TokenStream, ModelError>>,
) -> Result<TokenStream, AnswerError> {
    let hold = Command::hold(request_id, user_id, "llm:tokens")
        .quantity(MAX_TOKENS)
        .expires_in_seconds(300);
    let hold = match client.hold(&hold).await? {
        HoldResult::Held(hold) => hold,
        HoldResult::Refused(outcome) => return Err(AnswerError::Refused(outcome)),
    };
    // If the model cannot be called, the guard is dropped, which releases the hold.
    let tokens = model.await?;
    let (tokens, _settlement) = hold.meter(tokens, |_token| 1);
    Ok(Box::pin(tokens))
}
// The guide ends here.

#[test]
fn the_guide_shows_the_code_that_is_tested() {
    let guide = root().join("docs/guides/meter-an-ai-call.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let code = include_str!("guide.rs");
    let (_, code) = code
        .split_once("// The guide begins here.\n")
        .expect("a begin");
    let (code, _) = code
        .split_once("// The guide ends here.\n")
        .expect("an end");
    assert!(guide.contains(&format!("```rust\n{code}```\n")), "{code}");
}

/// A model that delivers this many tokens, and then maybe an error.
fn model(tokens: usize, fails: bool) -> TokenStream {
    let tokens = (0..tokens).map(|n| Ok(format!("token {n}")));
    let end = fails.then_some(Err(ModelError));
    Box::pin(stream::iter(tokens.chain(end)))
}

/// A fixture in which the user `ada` has 200 credits, and 10 tokens cost one.
async fn fixture(on: On) -> Fixture {
    let fixture = with_credits(on).await;
    let more = testkit::ledger::promote("more", "ada", 100, None);
    fixture.ledger.one(more).await;
    fixture
}

/// Waits until nothing is held, and returns the balance.
async fn settled(client: &Client) -> i64 {
    let settled = async {
        loop {
            let (balance, held, _) = available(client).await;
            if held == 0 {
                break balance;
            }
        }
    };
    in_time("the capture or release", settled).await
}

pub async fn the_answer_of_a_model_is_charged_by_its_tokens(on: On) {
    let fixture = fixture(on).await;
    let client = &fixture.client;
    let tokens = answer(client, "call", "ada", async { Ok(model(123, false)) }).await;
    let tokens = tokens.expect("an answer");
    assert_eq!(available(client).await, (200, 150, 50));
    let refused = answer(client, "second", "ada", async { Ok(model(1, false)) }).await;
    let Err(AnswerError::Refused(outcome)) = refused.map(drop) else {
        panic!("held twice");
    };
    assert_eq!(outcome.error_code(), Some("insufficient_credits"));
    assert_eq!(tokens.count().await, 123);
    assert_eq!(
        available(client).await,
        (187, 0, 187),
        "before the stream ends"
    );
    fixture.end().await;
}

pub async fn an_aborted_answer_is_charged_by_what_was_delivered(on: On) {
    let fixture = fixture(on).await;
    let client = &fixture.client;
    let tokens = answer(client, "call", "ada", async { Ok(model(123, false)) }).await;
    let read = tokens.expect("an answer").take(42);
    assert_eq!(read.count().await, 42);
    assert_eq!(settled(client).await, 195);
    fixture.end().await;
}

pub async fn an_answer_that_fails_is_not_charged(on: On) {
    let fixture = fixture(on).await;
    let client = &fixture.client;
    let tokens = answer(client, "call", "ada", async { Ok(model(5, true)) }).await;
    let read: Vec<_> = tokens.expect("an answer").collect().await;
    assert_eq!(read.len(), 6);
    assert_eq!(read.last(), Some(&Err(ModelError)));
    assert_eq!(settled(client).await, 200);
    fixture.end().await;
}

pub async fn a_model_that_cannot_be_called_costs_nothing(on: On) {
    let fixture = fixture(on).await;
    let client = &fixture.client;
    let failed = answer(client, "call", "ada", async { Err(ModelError) }).await;
    let Err(AnswerError::Model(ModelError)) = failed.map(drop) else {
        panic!("an answer");
    };
    assert_eq!(settled(client).await, 200);
    fixture.end().await;
}
