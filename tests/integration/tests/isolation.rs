//! Hostile messages of one app, while other apps and a payment bridge send 100 commands per second.
//! No innocent command is lost, refused or late, and the worker logs the sender.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "isolation/attacker.rs"]
mod attacker;
#[path = "isolation/case.rs"]
mod case;
#[path = "isolation/commands.rs"]
mod commands;
#[path = "isolation/fixture.rs"]
mod fixture;
#[path = "isolation/held_back.rs"]
mod held_back;
#[path = "isolation/innocents.rs"]
mod innocents;
#[path = "isolation/judge.rs"]
mod judge;
#[path = "isolation/queries.rs"]
mod queries;

use attacker::Attacker;
use case::Expected;
use fixture::Fixture;
use held_back::HeldBack;
use innocents::Innocents;

/// Conformance: Broker permissions and senders: Hostile messages of one app cost other senders no
/// command, reply or wait over 2 s; the log names the hostile sender
#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_neither_lose_nor_delay_commands_of_innocent_senders() {
    let fixture = Fixture::new().await;
    // This consumer subscribes before the worker, so that it gets the messages first.
    let held_back = HeldBack::subscribe(&fixture).await;
    let worker = fixture.deployment.ready_worker().await;
    let mut attacker = Attacker::new(&fixture).await;
    let innocents = Innocents::start(&fixture).await;

    let mut cases = Vec::new();
    for case in held_back.cases() {
        innocents.during(&case.name);
        attacker.publish(&case).await;
        cases.push(case);
    }
    held_back.release(&fixture).await;
    attacker.settle(&cases).await;
    for case in commands::cases(&fixture, &attacker)
        .into_iter()
        .chain(queries::cases(&fixture, &attacker))
    {
        innocents.during(&case.name);
        attacker.publish(&case).await;
        cases.push(case);
        attacker.settle(&cases).await;
    }

    innocents.during("scrip dead list");
    let letters = judge::listed_letters(&fixture).await;
    let waits = innocents.finish().await;
    waits.judge();
    judge::letters(&cases, &letters);
    judge::carried_out(&fixture, &cases).await;
    let log = worker.log();
    judge::log(&cases, &log);
    assert!(
        cases
            .iter()
            .any(|case| case.expected == Expected::RefusedByBroker)
    );
    assert!(worker.terminate().await.success());
    fixture.deployment.succeed(&["verify"]).await;
}
