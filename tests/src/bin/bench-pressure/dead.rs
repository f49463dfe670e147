//! Payments that cannot be applied are set aside; the command line lists and replays the letters; then all are applied.

use std::{
    collections::HashSet,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::memory::Memory;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{MissedTickBehavior, interval},
};

use crate::{
    backlog,
    load::Load,
    report::Handled,
    stage::Stage,
    watch::{self, Seen},
};

/// How often a command is looked at: only what it grows by in its last moment is missed.
const EVERY: Duration = Duration::from_millis(2);

pub async fn run(stage: Stage, letters: u32, users: u32) -> Vec<Handled> {
    let load = Load::payments(letters, users);
    backlog::fill(&stage, &load).await;
    let mut handled = vec![set_aside(&stage, letters).await];
    let listed = list(&stage, letters).await;
    handled.extend(listed);
    handled.push(replay(&stage, letters).await);
    stage.sell();
    handled.push(apply(&stage, &load).await);
    handled
}

async fn set_aside(stage: &Stage, letters: u32) -> Handled {
    let started = Instant::now();
    let worker = stage.worker().await;
    let mut seen = Seen::default();
    watch::until_set_aside(stage, &worker, letters, &mut seen).await;
    let seconds = started.elapsed().as_secs_f64();
    seen.look(&worker);
    assert!(worker.terminate().await.success(), "the worker drains");
    assert_eq!(stage.queued().await, 0, "commands that were not set aside");
    Handled {
        by: "a worker sets them aside",
        letters,
        seconds,
        peak: seen.peak,
    }
}

/// As JSON and as a table: each letter once.
async fn list(stage: &Stage, letters: u32) -> [Handled; 2] {
    let limit = letters.to_string();
    let mut references = HashSet::new();
    let mut lines = 0;
    let json = ["--json", "dead", "list", "--limit", limit.as_str()];
    let as_json = command(stage, ("scrip dead list --json", letters), &json, |line| {
        let letter: Value = serde_json::from_str(line).expect("a letter a line");
        references.insert(letter["referenceId"].as_str().expect("a reference").to_owned());
        lines += 1;
    })
    .await;
    assert_eq!(lines, letters, "letters listed");
    assert!(
        (0..letters).all(|n| references.contains(&Load::reference(n))),
        "each letter is listed"
    );
    lines = 0;
    let table = ["dead", "list", "--limit", limit.as_str()];
    let as_table = command(stage, ("scrip dead list", letters), &table, |_| lines += 1).await;
    assert_eq!(lines, letters + 1, "letters listed, and a head");
    [as_json, as_table]
}

async fn replay(stage: &Stage, letters: u32) -> Handled {
    let mut said = String::new();
    let arguments = ["--json", "dead", "replay", "--all"];
    let handled = command(stage, ("scrip dead replay", letters), &arguments, |line| {
        said.push_str(line);
    })
    .await;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["counts"]["replayed"], letters, "letters replayed");
    // What is acknowledged goes a moment later.
    stage.broker.wait_for_ready(&stage.topology().dead(), 0).await;
    assert_eq!(stage.queued().await, letters, "commands back in their queues");
    handled
}

async fn apply(stage: &Stage, load: &Load) -> Handled {
    let started = Instant::now();
    let worker = stage.worker().await;
    let mut seen = Seen::default();
    watch::until_applied(stage, &worker, load.commands, &mut seen).await;
    let seconds = started.elapsed().as_secs_f64();
    seen.look(&worker);
    watch::stop(stage, worker).await;
    load.check(stage, load.commands).await;
    Handled {
        by: "a worker applies them",
        letters: load.commands,
        seconds,
        peak: seen.peak,
    }
}

/// Runs `scrip` over all letters, line by line of what it prints, and looks at its memory until it ends.
async fn command(
    stage: &Stage,
    (by, letters): (&'static str, u32),
    arguments: &[&str],
    mut printed: impl FnMut(&str),
) -> Handled {
    // What the command before held has to be back.
    stage
        .broker
        .wait_for_ready(&stage.topology().dead(), letters)
        .await;
    let started = Instant::now();
    let mut command = stage.scrip(arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("scrip starts");
    let pid = child.id().expect("a running command");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut tick = interval(EVERY);
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
    assert!(peak > Memory::default(), "{by} ended before anybody looked");
    Handled {
        by,
        letters,
        seconds: started.elapsed().as_secs_f64(),
        peak,
    }
}
