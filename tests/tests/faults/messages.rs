//! Messages that cannot be applied, and messages that come again and again.

use producer_sdk::{Command, contract::Door};
use tests::faults::{
    bench::{Bench, Verdict},
    stage::{Setup, Stage},
};

/// Between good ones come some that the database refuses whenever it is asked, some that nobody can read, and some through
/// the wrong door. They end as dead letters, and hold nothing up.
pub async fn poison_and_rubbish_between_good_ones(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 12);
    let mut stage = bench.stage(Setup::default()).await;
    stage
        .sql(
            "ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id NOT LIKE 'bad-poison%')",
        )
        .await;
    let worker = stage.worker().await;
    let mut dead = 0;
    for round in 0..times {
        stage.moment(300).await;
        let sent = stage.fault();
        let user = format!("p0-user-{}", stage.dice.below(3));
        let poison = Command::promotion(format!("bad-poison-{round}"), user.as_str(), 1);
        let body = format!(
            r#"{{"type":"consume","referenceId":"bad-field-{round}","userId":"{user}","ammount":1}}"#
        );
        let through = Command::promotion(format!("bad-door-{round}"), user.as_str(), 1);
        let through = String::from_utf8(through.to_json()).expect("text");
        let broker = stage.broker();
        broker.send(&poison).await;
        broker.send_body(Door::Usage, body.as_bytes()).await;
        broker.send_body(Door::Usage, b"rubbish").await;
        broker.send_body(Door::Usage, through.as_bytes()).await;
        dead += 4;
        // The others go on while poison is tried again.
        stage.recovered(sent).await;
        stage.moment(300).await;
    }
    let queue = stage.broker().topology().dead();
    stage.broker().wait_for_ready(&queue, dead).await;
    reasons(&stage, times).await;
    stage.finish(vec![worker]).await
}

/// Each of them has its reason, and what was tried again says how often.
async fn reasons(stage: &Stage<'_>, times: usize) {
    let listed = stage
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
        let found = letters
            .iter()
            .filter(|letter| letter["reason"] == reason && letter["attempts"] == attempts)
            .count();
        assert_eq!(found, times, "{reason} in {letters:#?}");
    }
}

/// Every command comes several times, from several producers at once, in any order after the first.
pub async fn each_sent_many_times(bench: &mut Bench) -> Verdict {
    let copies = bench.times(20_000, 100_000);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    stage.moment(300).await;
    let commands = stage.load.recent(2_000);
    let begun = stage.fault();
    let mut sent = 0;
    while sent < copies {
        let batch: Vec<Command> = (0..1_000).map(|_| stage.dice.pick(&commands).clone()).collect();
        stage.broker().send_all(&batch).await;
        sent += batch.len();
    }
    stage.recovered(begun).await;
    stage.finish(vec![worker]).await
}
