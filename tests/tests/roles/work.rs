//! A worker process with the worker's role, and reports with the reader's.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use producer_sdk::{
    Client, Command, Options,
    contract::{Outcome, SubscriptionStatus},
};
use scrip::store::{Store, StoreOptions};
use serde_json::Value;
use tests::{
    broker::{PATIENCE, TestBroker},
    db::TestDatabase,
    process::Deployment,
};
use tokio::time::{sleep, timeout};

struct Stage {
    database: TestDatabase,
    broker: TestBroker,
    worker: Deployment,
    client: Client,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let broker = TestBroker::undeclared(1).await;
        let namespace = broker.topology().namespace().to_owned();
        let mut worker = Deployment::on_servers(broker.url(), &database.worker_url(), &namespace);
        worker.set("RUST_LOG", "info");
        let options = Options {
            namespace: namespace.clone(),
            ..Options::default()
        };
        worker.succeed(&["topology", "declare"]).await;
        let client = Client::connect(broker.url(), options).await.expect("a client");
        Self {
            database,
            broker,
            worker,
            client,
        }
    }

    async fn send(&self, command: Command) -> Outcome {
        self.client.send(&command).await.expect("an outcome")
    }

    async fn completes(&self, command: Command) {
        let outcome = self.send(command).await;
        assert!(outcome.is_completed(), "{outcome:?}");
    }

    async fn is_refused(&self, command: Command) {
        let outcome = self.send(command).await;
        assert!(!outcome.is_completed(), "{outcome:?}");
    }
}

/// Every command, and of each refusal that writes something one.
async fn every_command(stage: &Stage) {
    let now = Utc::now();
    stage.completes(Command::registration_bonus("r-1", "ada")).await;
    stage
        .completes(Command::promotion("p-1", "ada", 50).validity_days(1))
        .await;
    let package = Command::purchase_package("b-1", "ada", "lite", "pi-1");
    stage
        .completes(package.paid("9.99", "USD").expect("an amount"))
        .await;
    stage
        .completes(Command::purchase_credits("b-2", "bob", 30, "pi-2"))
        .await;
    stage
        .completes(Command::consume("c-1", "ada", "llm:tokens").quantity(2000))
        .await;
    // Several batches and several users in one group.
    stage
        .completes(Command::consume("c-2", "ada", "google:chat").amount(60))
        .await;
    // A replay, a refusal of the state, one that opens no wallet, and a payment that was credited
    // before.
    stage
        .completes(Command::consume("c-1", "ada", "llm:tokens").quantity(2000))
        .await;
    stage
        .is_refused(Command::consume("c-3", "ada", "google:chat").amount(1_000_000))
        .await;
    stage
        .is_refused(Command::consume("c-4", "nobody", "google:chat").amount(1))
        .await;
    stage
        .is_refused(Command::purchase_credits("b-3", "cem", 5, "pi-2"))
        .await;
    for (reference, status) in [
        ("s-1", SubscriptionStatus::Active),
        ("s-2", SubscriptionStatus::Canceled),
    ] {
        let event = Command::subscription(reference, "ada", "sub-1", "pro", status);
        stage.completes(event.anchor(now - TimeDelta::days(40))).await;
    }
    stage
        .completes(Command::freeze("f-1", "bob", "chargeback", "ops"))
        .await;
    stage
        .is_refused(Command::consume("c-5", "bob", "google:chat").amount(1))
        .await;
    stage
        .completes(Command::unfreeze("f-2", "bob", "settled", "ops"))
        .await;
    let [ada, bob] = ["ada", "bob"].map(|user| stage.client.balance(user));
    assert!(ada.await.expect("a balance").balance > 0);
    assert!(bob.await.expect("a balance").balance > 0);
}

/// The jobs that a worker runs when it starts have all ended well.
async fn jobs_end(deployment: &Deployment) {
    let all = timeout(PATIENCE, async {
        loop {
            let listed = deployment.succeed(&["--json", "job", "list"]).await;
            let listed: Value = serde_json::from_str(&listed).expect("JSON");
            let ended = |job| {
                let mut runs = listed["runs"].as_array().into_iter().flatten();
                runs.any(|run| run["job"] == job && run["status"] == "COMPLETED")
            };
            if ["grant", "expire", "verify"].into_iter().all(ended) {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    });
    all.await.expect("jobs that end");
}

async fn dead_letters(stage: &Stage) {
    // Not for sale: paid for and not applied.
    let unknown = Command::purchase_package("b-9", "dia", "no-such-package", "pi-9");
    stage.is_refused(unknown).await;
    let letters = timeout(PATIENCE, async {
        loop {
            let listed = stage.worker.succeed(&["--json", "dead", "list"]).await;
            if listed.contains("unapplied:unknown_package") {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    letters.await.expect("a dead letter");
    stage.worker.succeed(&["dead", "show", "b-9"]).await;
    stage
        .worker
        .succeed(&["dead", "replay", "--reference", "b-9"])
        .await;
    let letters = timeout(PATIENCE, async {
        while !stage
            .worker
            .succeed(&["--json", "dead", "list"])
            .await
            .contains("b-9")
        {
            sleep(Duration::from_millis(100)).await;
        }
    });
    letters.await.expect("it is refused again");
    let dropped = ["dead", "drop", "--reference", "b-9", "--yes"];
    stage.worker.succeed(&dropped).await;
}

#[tokio::test]
async fn a_worker_with_the_workers_role_does_all_its_work_and_a_reader_makes_reports() {
    let stage = Stage::new().await;
    let worker = stage.worker.ready_worker().await;
    every_command(&stage).await;
    jobs_end(&stage.worker).await;
    dead_letters(&stage).await;
    for arguments in [
        &["job", "run", "grant", "--again"][..],
        &["job", "run", "expire", "--again"],
        &["job", "run", "verify", "--again"],
        &["verify"],
        &["migrate", "status"],
    ] {
        stage.worker.succeed(arguments).await;
    }
    let log = worker.log();
    assert!(
        !log.contains("permission denied") && !log.contains("WARN"),
        "{log}"
    );

    // While the worker has sessions of its own.
    let namespace = stage.broker.topology().namespace();
    let reader = Deployment::on_servers(stage.broker.url(), &stage.database.url_as("reader"), namespace);
    for arguments in [
        &["balance", "ada"][..],
        &["balances"],
        &["batches", "ada"],
        &["history", "ada"],
        &["can-purchase", "ada"],
        &["job", "list"],
        &["audit"],
        &["report"],
        &["report", "--json"],
        &["verify"],
        &["migrate", "status"],
    ] {
        reader.succeed(arguments).await;
    }
    assert!(worker.terminate().await.success());
    // Where nothing is missing, nothing is changed.
    stage.worker.succeed(&["migrate", "up"]).await;
    stage.client.close().await.expect("closes");
}

#[tokio::test]
async fn a_worker_with_the_workers_role_counts_attempts_and_claims_jobs() {
    let database = TestDatabase::postgres().await.migrated().await;
    let store = Store::connect(&database.worker_url(), &StoreOptions::default())
        .await
        .expect("a store");
    let now = Utc::now();
    for tries in 1..=2 {
        assert_eq!(store.take_alone("q", "m", now).await.expect("counted"), tries);
    }
    store.forget_alone("q").await.expect("forgotten");
    store.probe().await.expect("writable");
    store.check_settings().await.expect("settings");
    store.ledger_id().await.expect("an id");
    store.close().await.expect("closes");
}

/// A report waits for what is open: the reader sees since when, whoever opened it.
#[tokio::test]
async fn the_reader_sees_since_when_a_workers_transaction_is_open() {
    let database = TestDatabase::postgres().await.migrated().await;
    let options = StoreOptions::default();
    let worker = Store::connect(&database.worker_url(), &options)
        .await
        .expect("a store");
    let open = worker.begin().await.expect("begins");
    sea_orm::ConnectionTrait::execute_unprepared(&open, "SELECT pg_current_xact_id()")
        .await
        .expect("an id");
    let reader = Store::connect(&database.url_as("reader"), &options)
        .await
        .expect("a store");
    let horizon = scrip::read::report::horizon(&reader).await.expect("a horizon");
    let open_transaction = horizon.open.expect("the worker's");
    assert_eq!(open_transaction.application, "scrip");
    open.rollback().await.expect("rolls back");
}
