//! A command adds no entry to the audit log of a ledger that the namespace does not belong to.

use sea_orm::EntityTrait;
use testkit::{db::TestDatabase, process::Deployment};
use uuid::Uuid;

use super::fixture::{Fixture, error};

const COMMANDS: [&str; 5] = [
    "publish grant --user ada --reason promotion --amount 50",
    "publish freeze --user ada --reason chargeback --actor ops:eve",
    "replay commands.jsonl",
    "dead replay --all",
    "dead drop --all --yes",
];

async fn id_of(db: &sea_orm::DatabaseConnection) -> Uuid {
    let row = entity::ledger_identity::Entity::find().one(db).await;
    row.expect("it answers").expect("a row").id
}

/// Conformance: Audit log: No audit entry goes to a ledger other than the namespace's; an account
/// that cannot compare them gets a warning
#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_of_another_ledger_nothing_is_done_and_the_error_names_both() {
    let fixture = Fixture::servers().await;
    fixture.add_dead_letter("typo-1").await;
    let broker = fixture.broker.as_ref().expect("a broker");
    let namespace = broker.topology().namespace();
    let other = TestDatabase::postgres().await.migrated().await;
    let wrong = Deployment::on_servers(broker.url(), &other.worker_url(), namespace);
    let command =
        r#"{"type":"consume","referenceId":"c-2","userId":"ada","service":"google:chat"}"#;
    std::fs::write(wrong.folder().join("commands.jsonl"), command).expect("writable");
    // The first worker claims the namespace. Before that there is no id to compare with.
    wrong
        .succeed(&["dead", "drop", "--reference", "none", "--yes"])
        .await;
    fixture.deployment.succeed(&["topology", "declare"]).await;
    let ours = id_of(&fixture.ledger).await;
    let theirs = id_of(other.connection()).await;
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let refused = wrong.run(&words).await;
        assert_eq!(refused.status.code(), Some(1), "{command}: {refused:?}");
        let stderr = error(&refused);
        let named = format!("belongs to the ledger {ours}, the database has the ledger {theirs}");
        for part in [&named, "nothing was done: "] {
            assert!(stderr.contains(part), "{command}: {stderr}");
        }
    }
    assert_eq!(fixture.waiting().await, 0);
    assert_eq!(fixture.dead_letters().await, 1);
    let entries = entity::operator_action::Entity::find()
        .all(other.connection())
        .await;
    assert_eq!(
        entries.expect("entries").len(),
        2,
        "the begin and the end of the command before the claim"
    );
}
