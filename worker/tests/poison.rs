//! Commands that the database refuses, and commands that crash their worker, on the embedded
//! default.

use crate::process::{
    Home,
    bodies::{consume, promotion},
    eventually,
    look::Look,
};

/// Conformance: Embedded deployment: The embedded queue has the same contract for dead letters and
/// delays as RabbitMQ
#[test]
fn a_command_that_the_database_refuses_is_delayed_and_its_neighbors_are_recorded() {
    let home = Home::new();
    home.scrip_reading(&["replay", "-"], &promotion("g", "u", 5))
        .ok();
    let look = Look::at(&home);
    // A rule of this test alone: no constraint of the schema refuses the command.
    look.execute(
        "CREATE TRIGGER poison BEFORE INSERT ON credits_transaction WHEN NEW.reference_id = 'poison'
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    let lines = [
        consume("c-1", "u"),
        consume("poison", "u"),
        consume("c-2", "u"),
    ]
    .join("\n");
    home.scrip_reading(&["replay", "-"], &lines).ok();
    let worker = home.ready_worker();
    eventually("the neighbors are recorded", || {
        (look.number("SELECT count(*) FROM credits_transaction") == 3).then_some(())
    });
    let delayed =
        "SELECT attempt FROM queue_message WHERE queue = 'commands' AND not_before > enqueued_at";
    assert_eq!(look.number(delayed), 1);
    look.execute("DROP TRIGGER poison");
    look.execute("UPDATE queue_message SET not_before = NULL");
    eventually("the delayed one is recorded too", || {
        (look.number("SELECT count(*) FROM credits_transaction") == 4).then_some(())
    });
    drop(worker);
}

/// The command has no `occurredAt`, and its sender's clock is wrong.
#[test]
fn a_delayed_command_counts_from_its_first_delivery() {
    let home = Home::new();
    home.scrip_reading(&["replay", "-"], &promotion("before", "u", 5))
        .ok();
    let look = Look::at(&home);
    look.execute(
        "CREATE TRIGGER poison BEFORE INSERT ON credits_transaction WHEN NEW.reference_id = 'late'
         BEGIN SELECT RAISE(ABORT, 'not now'); END",
    );
    let body = promotion("late", "u", 5);
    look.execute(&format!(
        "INSERT INTO queue_message (queue, origin, body, enqueued_at)
         VALUES ('commands', 'funding', CAST('{body}' AS BLOB), '2020-01-01T00:00:00.000000+00:00')"
    ));
    let worker = home.ready_worker();
    eventually("it is delayed", || {
        let delayed = "SELECT count(*) FROM queue_message WHERE not_before IS NOT NULL";
        (look.number(delayed) == 1).then_some(())
    });
    look.execute("DROP TRIGGER poison");
    look.execute("UPDATE queue_message SET not_before = NULL");
    eventually("it is recorded", || {
        (look.number("SELECT count(*) FROM credits_transaction WHERE reference_id = 'late'") == 1)
            .then_some(())
    });
    let early = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'late' \
                 AND occurred_at < created_at AND occurred_at > '2026'";
    assert_eq!(look.number(early), 1, "between sending and commit");
    drop(worker);
}

/// Conformance: Embedded deployment: A message that kills its worker does not stop the embedded
/// queue
#[test]
fn a_command_that_crashes_its_worker_is_delayed_and_its_neighbors_are_recorded() {
    let home = Home::new();
    home.scrip_reading(&["replay", "-"], &promotion("before", "u", 1))
        .ok();
    let look = Look::at(&home);
    // Recording it never ends, so the test kills the worker.
    look.execute(
        "CREATE VIEW forever AS
         WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT 1 - x FROM n) SELECT x FROM n;
         CREATE TRIGGER trap BEFORE INSERT ON credits_transaction WHEN NEW.reference_id = 'killer'
         BEGIN SELECT count(*) FROM forever; END",
    );
    let lines = [promotion("killer", "u", 1), promotion("behind", "u", 1)].join("\n");
    home.scrip_reading(&["replay", "-"], &lines).ok();
    // First with its group, then by itself after the message before it, then twice more.
    for (id, tries) in [(1, 1), (2, 1), (2, 2), (2, 3)] {
        let worker = home.worker();
        let counter = "SELECT coalesce(
            (SELECT CAST(message AS INTEGER) * 10 + tries FROM delivery_attempt), 0)";
        eventually("the attempt is counted", || {
            (look.number(counter) == id * 10 + tries).then_some(())
        });
        worker.kill();
    }
    let worker = home.ready_worker();
    eventually("the neighbors are recorded", || {
        let recorded =
            "SELECT count(*) FROM credits_transaction WHERE reference_id IN ('before', 'behind')";
        (look.number(recorded) == 2).then_some(())
    });
    let delayed = "SELECT attempt FROM queue_message WHERE not_before > enqueued_at \
        AND json_extract(headers, '$.x-scrip-error')
            LIKE 'the message was taken 4 times and never settled%'";
    assert_eq!(look.number(delayed), 1);
    look.execute("DROP TRIGGER trap");
    look.execute("UPDATE queue_message SET not_before = NULL");
    eventually("the delayed one is recorded too", || {
        (look.number("SELECT count(*) FROM credits_transaction WHERE reference_id = 'killer'") == 1)
            .then_some(())
    });
    assert!(worker.terminate().success(), "it drains");
}

/// Conformance: Embedded deployment: The embedded queue has the same contract for dead letters and
/// delays as RabbitMQ
#[test]
fn if_every_command_is_refused_an_alarm_is_logged_and_nothing_is_dead_lettered() {
    let home = Home::new();
    home.scrip_reading(&["replay", "-"], &promotion("before", "u", 1))
        .ok();
    let look = Look::at(&home);
    look.execute(
        "CREATE TRIGGER mistake BEFORE INSERT ON credits_transaction
         BEGIN SELECT RAISE(ABORT, 'nobody'); END",
    );
    let lines: Vec<String> = (1..=5)
        .map(|n| promotion(&format!("p-{n}"), &format!("u-{n}"), 1))
        .collect();
    home.scrip_reading(&["replay", "-"], &lines.join("\n")).ok();
    let mut worker = home.worker();
    let said = worker.wait_for("database refuses several commands in a row");
    assert!(said.contains("alarm=true"), "{said}");
    assert!(said.contains("code=\"1811\""), "{said}");
    let dead_letters = "SELECT count(*) FROM queue_message WHERE queue = 'dead'";
    assert_eq!(look.number(dead_letters), 0);
    look.execute("DROP TRIGGER mistake");
    eventually("all are recorded", || {
        (look.number("SELECT count(*) FROM credits_transaction") == 6).then_some(())
    });
    assert!(worker.terminate().success(), "it drains");
}
