//! Messages that cannot be applied, and messages that are sent many times.

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Fixture, Setup},
};
use producer_sdk::{Command, contract::Origin};

/// Valid commands with bad messages in between: some that the database always refuses, some that
/// are unreadable, and some through the wrong origin. The bad ones become dead letters and delay no
/// others.
pub async fn poison_and_rubbish_between_good_ones(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 12);
    let mut fixture = bench.fixture(Setup::default()).await;
    fixture
        .sql(
            "ALTER TABLE credits_transaction ADD CONSTRAINT poison \
             CHECK (reference_id NOT LIKE 'bad-poison%')",
        )
        .await;
    let worker = fixture.worker().await;
    let mut dead = 0;
    for round in 0..times {
        fixture.moment(300).await;
        let sent = fixture.fault();
        let user = format!("p0-user-{}", fixture.rng.below(3));
        let poison = Command::promotion(format!("bad-poison-{round}"), user.as_str(), 1);
        let body = format!(
            r#"{{"type":"consume","referenceId":"bad-field-{round}","userId":"{user}","ammount":1}}"#
        );
        let through = Command::promotion(format!("bad-origin-{round}"), user.as_str(), 1);
        let through = String::from_utf8(through.to_json()).expect("text");
        let broker = fixture.broker();
        broker.send(&poison).await;
        broker.send_body(Origin::Usage, body.as_bytes()).await;
        broker.send_body(Origin::Usage, b"rubbish").await;
        broker.send_body(Origin::Usage, through.as_bytes()).await;
        dead += 4;
        // The other commands continue while the poison messages are retried.
        fixture.recovered(sent).await;
        fixture.moment(300).await;
    }
    let queue = fixture.broker().topology().dead();
    fixture.broker().wait_for_ready(&queue, dead).await;
    reasons(&fixture, times).await;
    fixture.finish(vec![worker]).await
}

/// Panics unless each dead letter has its reason and its number of attempts.
async fn reasons(fixture: &Fixture<'_>, times: usize) {
    let listed = fixture
        .deployment
        .succeed(&["dead", "list", "--json", "--limit", "1000"])
        .await;
    let letters: Vec<serde_json::Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for (reason, attempts) in [
        ("poison", 3),
        ("unknown_field", 0),
        ("not_json", 0),
        ("forbidden_exchange", 0),
    ] {
        let count = letters
            .iter()
            .filter(|letter| letter["reason"] == reason && letter["attempts"] == attempts)
            .count();
        assert_eq!(count, times, "{reason} in {letters:#?}");
    }
}

/// Every command is sent several times by several producers at once, in any order after the first
/// one.
pub async fn each_sent_many_times(bench: &mut Bench) -> Verdict {
    let copies = bench.times(20_000, 100_000);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    fixture.moment(300).await;
    let commands = fixture.load.recent(2_000);
    let begun = fixture.fault();
    let mut sent = 0;
    while sent < copies {
        let batch: Vec<Command> = (0..1_000)
            .map(|_| fixture.rng.pick(&commands).clone())
            .collect();
        fixture.broker().send_all(&batch).await;
        sent += batch.len();
    }
    fixture.recovered(begun).await;
    fixture.finish(vec![worker]).await
}
