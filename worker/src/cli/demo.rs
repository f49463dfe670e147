//! `scrip demo`: a short story, told by real commands through a real queue into a real ledger.

mod stage;
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
    service::Service,
    signals::Signals,
    verify,
};
use crate::store::Store;
use stage::Stage;
use story::Story;

const READY_WITHIN: Duration = Duration::from_secs(30);
const OUTCOME_WITHIN: Duration = Duration::from_secs(15);

/// Tell a short story: credits bought, granted, spent and accounted for.
///
/// Runs on a temporary SQLite file; with AMQP_URL and DATABASE_URL set, on RabbitMQ and PostgreSQL, in a namespace and
/// a schema of its own. Nothing is left behind. Rules are the built-in ones. Exit code 1 if anything is not as told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip demo
  AMQP_URL=amqp://localhost DATABASE_URL=postgres://localhost/scrip scrip demo")]
pub struct Args {}

/// Sets the stage, plays, and clears it away whatever happened.
pub async fn run(context: &Context) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let stage = Stage::set(&context.settings).await?;
    let played = tokio::select! {
        played = play(&stage) => played,
        signal = signals.next() => Err(Failure::new(format!("stopped by {signal}"))),
    };
    stage.context.files.close(Duration::ZERO).await;
    let cleared = stage.clear().await;
    played?;
    cleared?;
    tell::next(&stage.backend)?;
    Ok(ExitCode::SUCCESS)
}

async fn play(stage: &Stage) -> Result<(), Failure> {
    let store = stage.context.ledger_made().await?;
    let service = Service::start(&stage.context, &stage.backend, store.clone(), None).await?;
    let told = tell(stage, &service, &store).await;
    service.drain(stage.context.settings.worker.drain_timeout).await;
    told
}

async fn tell(stage: &Stage, service: &Service, store: &Store) -> Result<(), Failure> {
    timeout(READY_WITHIN, service.ready())
        .await
        .doing(format!("get the worker ready within {READY_WITHIN:?}"))?;
    tell::opening(&stage.backend)?;

    let story = Story::about(stage.name())?;
    let url = stage.context.queue_url().await?;
    let options = Options {
        deadline: OUTCOME_WITHIN,
        ..super::publish::options(&stage.context, "scrip demo")
    };
    let client = Client::connect(url.expose(), options).await?;
    let acted = act(&client, &story).await;
    client.close().await?;
    acted?;

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

async fn act(client: &Client, story: &Story) -> Result<(), Failure> {
    for (number, step) in (1..).zip(&story.steps) {
        tell::step(number, step)?;
        let outcome = client
            .send(&step.command)
            .await
            .doing(format!("learn what became of step {number}"))?;
        tell::outcome(&outcome)?;
        step.expected
            .check(&outcome)
            .map_err(|what| Failure::new(format!("step {number} is not as told: {what}")))?;
    }
    let balance = client.balance(&story.user).await.doing("ask for the balance")?;
    tell::balance(&balance)?;
    if balance.available_credits == story.left {
        Ok(())
    } else {
        Err(Failure::new("the balance is not as told"))
    }
}
