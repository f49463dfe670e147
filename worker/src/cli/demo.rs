//! `scrip demo`: plays a short example with real commands, a real queue and a real ledger.

mod fixture;
mod story;
mod tables;
mod tell;

use std::{process::ExitCode, time::Duration};

use chrono::Utc;
use producer_sdk::{Client, Options};
use tokio::time::timeout;

use super::{
    context::Context,
    failure::{Doing, Failure},
    signals::Signals,
    verify,
};
use crate::{app::Service, store::Store};
use fixture::Fixture;
use story::Story;

const READY_WITHIN: Duration = Duration::from_secs(30);
const OUTCOME_WITHIN: Duration = Duration::from_secs(15);

/// Play a short example: grant, buy and spend credits, then check the ledger
///
/// Runs a worker on a temporary SQLite file. With AMQP_URL and DATABASE_URL set, it runs on
/// RabbitMQ and PostgreSQL, in a namespace and a schema of its own. Uses the built-in
/// configuration, and removes everything at the end. Exit code 1 if a result differs from the
/// expected one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip demo
  AMQP_URL=amqp://localhost DATABASE_URL=postgres://localhost/scrip scrip demo")]
pub struct Args {}

/// Creates the fixture, plays the example, and removes the fixture in every case.
pub async fn run(context: &Context) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let fixture = Fixture::create(&context.settings).await?;
    let played = tokio::select! {
        played = play(&fixture) => played,
        signal = signals.next() => Err(Failure::new(format!("stopped by {signal}"))),
    };
    fixture.context.files.close(Duration::ZERO).await;
    let removed = fixture.remove().await;
    played?;
    removed?;
    tell::next(&fixture.backend)?;
    Ok(ExitCode::SUCCESS)
}

async fn play(fixture: &Fixture) -> Result<(), Failure> {
    let store = fixture.context.migrated_ledger().await?;
    let service = Service::start(
        &fixture.context.settings,
        &fixture.backend,
        store.clone(),
        None,
    )
    .await?;
    let result = play_story(fixture, &service, &store).await;
    service
        .drain(fixture.context.settings.worker.drain_timeout)
        .await;
    result
}

async fn play_story(fixture: &Fixture, service: &Service, store: &Store) -> Result<(), Failure> {
    timeout(READY_WITHIN, service.ready())
        .await
        .doing(format!("start the worker within {READY_WITHIN:?}"))?;
    tell::opening(&fixture.backend)?;

    let story = Story::new(fixture.name())?;
    let url = fixture.context.queue_url().await?;
    let options = Options {
        deadline: OUTCOME_WITHIN,
        ..fixture.context.settings.client_options("scrip demo")
    };
    let client = Client::connect(url.expose(), options).await?;
    let played = play_steps(&client, &story).await;
    client.close().await?;
    played?;

    tables::print(store, &story.user).await?;
    let report = crate::verify::verify(
        store.read_connection(),
        &crate::verify::Options::default(),
        Utc::now(),
        |_| {},
    )
    .await?;
    tell::heading("Does the book balance? (scrip verify)")?;
    verify::print(&report)?;
    if report.holds() {
        Ok(())
    } else {
        Err(Failure::new("the book does not balance"))
    }
}

async fn play_steps(client: &Client, story: &Story) -> Result<(), Failure> {
    for (number, step) in (1..).zip(&story.steps) {
        tell::step(number, step)?;
        let outcome = client
            .send(&step.command)
            .await
            .doing(format!("get the outcome of step {number}"))?;
        tell::outcome(&outcome)?;
        step.expected
            .check(&outcome)
            .map_err(|problem| Failure::new(format!("step {number} is wrong: {problem}")))?;
    }
    let balance = client
        .balance(&story.user)
        .await
        .doing("query the balance")?;
    tell::balance(&balance)?;
    if balance.available_credits == story.left {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "the balance is wrong: expected {}, got {}",
            story.left, balance.available_credits
        )))
    }
}
