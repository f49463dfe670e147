//! The scenario of dead letters. A worker dead-letters payments that it cannot apply. The command
//! line lists and replays the dead letters. Then a worker applies all payments.

use std::{
    collections::HashSet,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::memory::Memory;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{MissedTickBehavior, interval},
};

use crate::{
    backlog,
    fixture::Fixture,
    load::Load,
    report::Handled,
    watch::{self, Memories},
};

/// The interval at which the memory of a command is sampled. Only growth after the last sample is
/// missed.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

pub async fn run(fixture: Fixture, letters: u32, users: u32) -> Vec<Handled> {
    let load = Load::payments(letters, users);
    backlog::fill(&fixture, &load).await;
    let mut handled = vec![dead_letter(&fixture, letters).await];
    let listed = list(&fixture, letters).await;
    handled.extend(listed);
    handled.push(replay(&fixture, letters).await);
    fixture.sell();
    handled.push(apply(&fixture, &load).await);
    handled
}

async fn dead_letter(fixture: &Fixture, letters: u32) -> Handled {
    let started = Instant::now();
    let worker = fixture.worker().await;
    let mut memory = Memories::default();
    watch::until_dead_lettered(fixture, &worker, letters, &mut memory).await;
    let seconds = started.elapsed().as_secs_f64();
    memory.sample(&worker);
    assert!(worker.terminate().await.success(), "the worker drains");
    assert_eq!(
        fixture.queued().await,
        0,
        "commands that were not dead-lettered"
    );
    Handled {
        by: "a worker dead-letters them",
        letters,
        seconds,
        peak: memory.peak,
    }
}

/// Lists the dead letters as JSON and as a table; panics unless each is listed once.
async fn list(fixture: &Fixture, letters: u32) -> [Handled; 2] {
    let limit = letters.to_string();
    let mut references = HashSet::new();
    let mut lines = 0;
    let json = ["--json", "dead", "list", "--limit", limit.as_str()];
    let as_json = command(
        fixture,
        ("scrip dead list --json", letters),
        &json,
        |line| {
            let letter: Value = serde_json::from_str(line).expect("one dead letter per line");
            references.insert(
                letter["referenceId"]
                    .as_str()
                    .expect("a reference")
                    .to_owned(),
            );
            lines += 1;
        },
    )
    .await;
    assert_eq!(lines, letters, "dead letters listed");
    assert!(
        (0..letters).all(|n| references.contains(&Load::reference(n))),
        "each dead letter is listed"
    );
    lines = 0;
    let table = ["dead", "list", "--limit", limit.as_str()];
    let as_table = command(fixture, ("scrip dead list", letters), &table, |_| {
        lines += 1;
    })
    .await;
    assert_eq!(lines, letters + 1, "dead letters listed, and a heading");
    [as_json, as_table]
}

async fn replay(fixture: &Fixture, letters: u32) -> Handled {
    let mut printed = String::new();
    let arguments = ["--json", "dead", "replay", "--all"];
    let handled = command(
        fixture,
        ("scrip dead replay", letters),
        &arguments,
        |line| {
            printed.push_str(line);
        },
    )
    .await;
    let result: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(
        result["counts"]["replayed"], letters,
        "dead letters replayed"
    );
    // The broker removes acknowledged messages a moment later.
    fixture
        .broker
        .wait_for_ready(&fixture.topology().dead(), 0)
        .await;
    assert_eq!(
        fixture.queued().await,
        letters,
        "commands back in their queues"
    );
    handled
}

async fn apply(fixture: &Fixture, load: &Load) -> Handled {
    let started = Instant::now();
    let worker = fixture.worker().await;
    let mut memory = Memories::default();
    watch::until_applied(fixture, &worker, load.commands, &mut memory).await;
    let seconds = started.elapsed().as_secs_f64();
    memory.sample(&worker);
    watch::stop(fixture, worker).await;
    load.check(fixture, load.commands).await;
    Handled {
        by: "a worker applies them",
        letters: load.commands,
        seconds,
        peak: memory.peak,
    }
}

/// Runs a `scrip` command over all dead letters, passes each line of its output to `printed`, and
/// samples its memory until it ends.
async fn command(
    fixture: &Fixture,
    (by, letters): (&'static str, u32),
    arguments: &[&str],
    mut printed: impl FnMut(&str),
) -> Handled {
    // The messages that the previous command held must be back in the queue.
    fixture
        .broker
        .wait_for_ready(&fixture.topology().dead(), letters)
        .await;
    let started = Instant::now();
    let mut command = fixture.scrip(arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("scrip starts");
    let pid = child.id().expect("a running command");
    let mut lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
    let mut tick = interval(POLL_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut peak = Memory::default();
    loop {
        tokio::select! {
            biased;
            _ = tick.tick() => peak = Memory::peak_of(pid).unwrap_or(peak),
            line = lines.next_line() => match line.expect("text") {
                Some(line) => printed(&line),
                None => break,
            },
        }
    }
    let status = child.wait().await.expect("a status");
    assert!(status.success(), "{by}: {status}");
    assert!(
        peak > Memory::default(),
        "{by} ended before its memory was sampled"
    );
    Handled {
        by,
        letters,
        seconds: started.elapsed().as_secs_f64(),
        peak,
    }
}
