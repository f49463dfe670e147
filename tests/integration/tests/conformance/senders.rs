//! The sender of a command, through the database.

use ledger::{Action, Command, References, Refusal, Status};
use migration::{ReferenceKey, ReferenceKeyError, reference_key, set_reference_key};
use sea_orm::{ConnectionTrait, Statement};
use testkit::ledger::{TestLedger, buy_credits, buy_package, consume, promote};

fn from(sender: &str, mut command: Command) -> Command {
    command.sender = Some(sender.to_owned());
    command
}

/// The reference and the sender of every transaction, in the order of the references.
async fn senders(ledger: &TestLedger) -> Vec<(String, Option<String>)> {
    let sql = "SELECT reference_id, sender FROM credits_transaction ORDER BY reference_id, sender";
    let statement = Statement::from_string(ledger.store.backend(), sql);
    let rows = ledger
        .store
        .read_connection()
        .query_all_raw(statement)
        .await;
    let rows = rows.expect("rows").into_iter();
    rows.map(|row| {
        (
            row.try_get_by_index(0).expect("a reference"),
            row.try_get_by_index(1).expect("a sender"),
        )
    })
    .collect()
}

/// Makes the references of a ledger unique per sender.
async fn per_sender(ledger: &mut TestLedger) {
    let changed =
        set_reference_key(ledger.database.connection(), ReferenceKey::OriginAndSender).await;
    assert!(changed.expect("a ledger without commands"));
    ledger.rules.references = References::PerSender;
}

/// Conformance: Broker permissions and senders: The sender is kept with transactions, bonuses,
/// refusals and dead letters; `history`, `report`, `dead list`, `dead summary` and logs show it,
/// queries do not
pub async fn the_sender_is_written_with_all_rows_of_its_command(ledger: TestLedger) {
    ledger
        .settle(&[from("bridge", buy_package("pi_1", "ada", "lite"))])
        .await;
    // A command on one batch, a group, and a refusal.
    ledger.one(from("app", consume("c1", "ada", 3))).await;
    ledger
        .settle(&[
            from("app", consume("c2", "ada", 1)),
            consume("c3", "ada", 1),
            from("other", consume("c4", "ada", 10_000)),
        ])
        .await;
    let some = |reference: &str, sender: &str| (reference.to_owned(), Some(sender.to_owned()));
    assert_eq!(
        senders(&ledger).await,
        [
            some("bonus:pi_1", "bridge"),
            some("c1", "app"),
            some("c2", "app"),
            ("c3".to_owned(), None),
            some("c4", "other"),
            some("pi_1", "bridge"),
        ]
    );
    // A duplicate from another sender returns the stored outcome and writes nothing.
    let again = ledger.one(from("other", consume("c1", "ada", 3))).await;
    assert!(again.replayed);
    assert_eq!(senders(&ledger).await.len(), 6);
    ledger.verify().await;
}

/// Conformance: Broker permissions and senders: `senders.references` can make references unique per
/// sender, if chosen before the first command
pub async fn references_per_sender_belong_to_each_sender(mut ledger: TestLedger) {
    per_sender(&mut ledger).await;
    ledger
        .one(from("bridge", buy_credits("pi_1", "ada", 100)))
        .await;
    for (sender, left) in [("one", 97), ("other", 94)] {
        let outcome = ledger.one(from(sender, consume("c1", "ada", 3))).await;
        assert_eq!(
            (outcome.replayed, outcome.balance),
            (false, Some(left)),
            "{sender}"
        );
    }
    assert_eq!(
        ledger.one(consume("c1", "ada", 3)).await.balance,
        Some(91),
        "without a sender"
    );
    for command in [
        from("one", consume("c1", "ada", 3)),
        from("other", consume("c1", "ada", 3)),
        consume("c1", "ada", 3),
    ] {
        let again = ledger.one(command).await;
        assert!(again.replayed);
    }
    let conflict = ledger.one(from("one", consume("c1", "ada", 4))).await;
    assert_eq!(
        conflict.refused.map(|refused| refused.code),
        Some(Refusal::ReferenceConflict)
    );
    // One group with each command twice.
    let group: Vec<Command> = ["one", "other", "one", "other"]
        .map(|sender| from(sender, promote("g1", "ada", 10, None)))
        .into();
    let outcomes = ledger.settle(&group).await;
    let replayed: Vec<bool> = outcomes.iter().map(|outcome| outcome.replayed).collect();
    assert_eq!(replayed, [false, false, true, true]);
    assert_eq!(outcomes[3].status(), Status::Completed);
    // The reference of a package's bonus is derived from the purchase's reference.
    let purchases = ["one", "other"].map(|sender| {
        let mut purchase = from(sender, buy_package("r", "ada", "lite"));
        if let Action::Purchase(purchase) = &mut purchase.action {
            purchase.purchase_id.push_str(sender);
        }
        purchase
    });
    let bought = ledger.settle(&purchases).await;
    assert_eq!(bought[1].balance, Some(91 + 20 + 110 + 110));
    ledger.verify().await;
}

/// Conformance: Broker permissions and senders: `senders.references` can make references unique per
/// sender, if chosen before the first command
pub async fn the_scope_of_references_is_set_before_the_first_command(ledger: TestLedger) {
    let database = ledger.database.connection();
    assert_eq!(
        reference_key(database).await,
        Ok(ReferenceKey::Origin),
        "the default"
    );
    for key in [ReferenceKey::OriginAndSender, ReferenceKey::Origin] {
        assert!(set_reference_key(database, key).await.expect("no commands"));
        assert!(
            !set_reference_key(database, key).await.expect("no commands"),
            "the setting already applies"
        );
        assert_eq!(reference_key(database).await, Ok(key));
    }
    ledger.one(promote("g1", "ada", 10, None)).await;
    let refused = set_reference_key(database, ReferenceKey::OriginAndSender).await;
    assert!(
        matches!(refused, Err(ReferenceKeyError::HasCommands)),
        "{refused:?}"
    );
    assert_eq!(reference_key(database).await, Ok(ReferenceKey::Origin));
}
