//! A reference is applied once, and its outcome never changes.

use ledger::{Outcome, Refusal, Status};
use testkit::ledger::{
    TestLedger, buy_credits, buy_package, consume, promote, register, use_service,
};

/// The expected replay of `outcome`.
pub fn replay_of(outcome: &Outcome) -> Outcome {
    Outcome {
        replayed: true,
        available: None,
        ..outcome.clone()
    }
}

/// Conformance: Idempotency: A repeated reference with the same content returns the whole stored
/// outcome and writes nothing
pub async fn a_replay_repeats_the_whole_outcome_and_writes_nothing(ledger: TestLedger) {
    let commands = [
        register("g1", "ada"),
        buy_package("p1", "ada", "lite"),
        consume("c1", "ada", 60),
        promote("g2", "ada", 9_999, Some(1)),
        consume("c2", "ada", 1_000_000),
    ];
    let mut first = Vec::new();
    for command in &commands {
        first.push(ledger.one(command.clone()).await);
    }
    let taken: Vec<i64> = first[2].allocations.iter().map(|one| one.amount).collect();
    assert_eq!(taken, [-20, -10, -30], "of several batches");
    let before = ledger.fingerprint().await;
    for (command, outcome) in commands.iter().zip(&first) {
        assert_eq!(ledger.one(command.clone()).await, replay_of(outcome));
    }
    let again = ledger.settle(&commands).await;
    assert_eq!(again, first.iter().map(replay_of).collect::<Vec<_>>());
    assert_eq!(ledger.fingerprint().await, before);
    ledger.verify().await;
}

/// Conformance: Idempotency: A reference reused with other content fails with `reference_conflict`,
/// and the first outcome stands
pub async fn a_reference_with_other_content_conflicts_and_the_first_outcome_stands(
    ledger: TestLedger,
) {
    ledger
        .settle(&[buy_credits("p1", "ada", 100), buy_credits("p2", "bob", 100)])
        .await;
    let first = ledger.one(consume("c1", "ada", 5)).await;
    let before = ledger.fingerprint().await;
    for other in [
        consume("c1", "ada", 6),
        consume("c1", "bob", 5),
        use_service("c1", "ada", "google:chat", None),
    ] {
        let outcome = ledger.one(other).await;
        assert_eq!(
            outcome.refused.map(|refused| refused.code),
            Some(Refusal::ReferenceConflict)
        );
    }
    assert_eq!(ledger.fingerprint().await, before);
    assert_eq!(ledger.one(consume("c1", "ada", 5)).await, replay_of(&first));
}

/// Conformance: Idempotency: A repeated reference with the same content returns the whole stored
/// outcome and writes nothing
pub async fn the_same_reference_twice_in_a_group_is_applied_once(ledger: TestLedger) {
    let outcomes = ledger
        .settle(&[
            buy_credits("p1", "ada", 100),
            buy_credits("p1", "ada", 100),
            consume("c1", "ada", 30),
            consume("c1", "ada", 30),
            consume("c1", "ada", 31),
        ])
        .await;
    assert_eq!(outcomes[1], replay_of(&outcomes[0]));
    assert_eq!(outcomes[3], replay_of(&outcomes[2]));
    assert_eq!(
        outcomes[4].refused.as_ref().map(|refused| refused.code),
        Some(Refusal::ReferenceConflict)
    );
    assert_eq!(
        ledger.number("SELECT balance FROM credits_balance").await,
        70
    );
    ledger.verify().await;
}

/// Conformance: Idempotency: A reference is unique within its origin
pub async fn a_reference_belongs_to_its_origin(ledger: TestLedger) {
    let outcomes = ledger
        .settle(&[buy_credits("r1", "ada", 100), consume("r1", "ada", 30)])
        .await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.status() == Status::Completed && !outcome.replayed)
    );
    assert_eq!(outcomes[1].balance, Some(70));
}

/// Conformance: Idempotency: A refusal decided by the state of the ledger is stored and final
pub async fn a_refusal_by_the_ledgers_state_is_recorded_and_repeated(ledger: TestLedger) {
    let refused_first = ledger.one(consume("c0", "ada", 1)).await;
    assert_eq!(
        refused_first.refused.as_ref().map(|refused| refused.code),
        Some(Refusal::WalletNotFound)
    );
    ledger.one(buy_credits("p1", "ada", 10)).await;
    let poor = ledger.one(consume("c1", "ada", 11)).await;
    let refused = poor.refused.clone().expect("a refusal");
    assert_eq!((refused.required, refused.available), (Some(11), Some(10)));
    ledger.one(buy_credits("p2", "ada", 100)).await;
    assert_eq!(
        ledger.one(consume("c1", "ada", 11)).await,
        replay_of(&poor),
        "final for its reference"
    );
    assert_eq!(
        ledger.one(consume("c0", "ada", 1)).await,
        replay_of(&refused_first)
    );
    let failed = "SELECT COUNT(*) FROM credits_transaction WHERE status = 'FAILED' AND amount = 0 \
                  AND detail IS NOT NULL";
    assert_eq!(ledger.number(failed).await, 2);
    ledger.verify().await;
}

/// Conformance: Idempotency: A refusal decided by the configuration is answered but not stored
pub async fn a_refusal_by_the_configuration_is_answered_and_not_recorded(mut ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 10)).await;
    let before = ledger.fingerprint().await;
    ledger.rules.enabled = false;
    let off = ledger
        .settle(&[consume("c1", "ada", 1), promote("g1", "eve", 5, None)])
        .await;
    assert!(off.iter().all(|o| {
        o.refused
            .as_ref()
            .is_some_and(|r| r.code == Refusal::CreditsDisabled)
    }));
    assert_eq!(ledger.fingerprint().await, before);
    ledger.rules.enabled = true;
    assert_eq!(
        ledger.one(consume("c1", "ada", 1)).await.status(),
        Status::Completed,
        "not final"
    );
}

/// Conformance: Idempotency: A repeated reference with the same content returns the whole stored
/// outcome and writes nothing
pub async fn a_group_of_a_thousand_replays_writes_nothing(ledger: TestLedger) {
    let users: Vec<String> = (0..100).map(|user| format!("user-{user}")).collect();
    let mut commands: Vec<_> = users
        .iter()
        .map(|user| buy_credits(&format!("p-{user}"), user, 50))
        .collect();
    commands.extend((0..900).map(|n| consume(&format!("c-{n}"), &users[n % 100], 7)));
    let first = ledger.settle(&commands).await;
    let before = ledger.fingerprint().await;
    let again = ledger.settle(&commands).await;
    assert_eq!(again, first.iter().map(replay_of).collect::<Vec<_>>());
    assert_eq!(ledger.fingerprint().await, before);
    ledger.verify().await;
}
