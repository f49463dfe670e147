//! No entry goes into the audit log of another ledger than the one that the namespace belongs to.

use sea_orm::EntityTrait;
use tests::{db::TestDatabase, process::Deployment};
use uuid::Uuid;

use super::stage::{Stage, error};

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

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_of_another_ledger_nothing_is_done_and_both_are_named() {
    let stage = Stage::servers().await;
    stage.set_aside("typo-1").await;
    let broker = stage.broker.as_ref().expect("a broker");
    let namespace = broker.topology().namespace();
    let other = TestDatabase::postgres().await.migrated().await;
    let wrong = Deployment::on_servers(broker.url(), &other.worker_url(), namespace);
    let command = r#"{"type":"consume","referenceId":"c-2","userId":"ada","service":"google:chat"}"#;
    std::fs::write(wrong.folder().join("commands.jsonl"), command).expect("writable");
    // The first worker claims the namespace; before that there is nothing to compare.
    wrong
        .succeed(&["dead", "drop", "--reference", "none", "--yes"])
        .await;
    stage.deployment.succeed(&["topology", "declare"]).await;
    let ours = id_of(&stage.ledger).await;
    let theirs = id_of(other.connection()).await;
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let refused = wrong.run(&words).await;
        assert_eq!(refused.status.code(), Some(1), "{command}: {refused:?}");
        let said = error(&refused);
        let named = format!("belongs to the ledger {ours}, the database has the ledger {theirs}");
        for part in [&named, "nothing was done: "] {
            assert!(said.contains(part), "{command}: {said}");
        }
    }
    assert_eq!(stage.waiting().await, 0);
    assert_eq!(stage.letters().await, 1);
    let entries = entity::operator_action::Entity::find()
        .all(other.connection())
        .await;
    assert_eq!(
        entries.expect("it answers").len(),
        2,
        "begun and ended, before the claim"
    );
}
