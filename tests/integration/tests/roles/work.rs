//! A worker process with the role of a worker, and reports with the role of a reader.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use producer_sdk::{
    Client, Command, Options,
    contract::{Outcome, SubscriptionStatus},
};
use scrip::{db::StoreOptions, read, store::Store};
use serde_json::Value;
use testkit::{
    broker::{TIMEOUT, TestBroker},
    db::TestDatabase,
    process::Deployment,
};
use tokio::time::{sleep, timeout};

struct Fixture {
    database: TestDatabase,
    broker: TestBroker,
    worker: Deployment,
    client: Client,
}

impl Fixture {
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
        let client = Client::connect(broker.url(), options)
            .await
            .expect("a client");
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

/// Sends every type of command, and one example of each refusal that writes rows.
async fn every_command(fixture: &Fixture) {
    let now = Utc::now();
    fixture
        .completes(Command::registration_bonus("r-1", "ada"))
        .await;
    fixture
        .completes(Command::promotion("p-1", "ada", 50).validity_days(1))
        .await;
    let package = Command::purchase_package("b-1", "ada", "lite", "pi-1");
    fixture
        .completes(package.paid("9.99", "USD").expect("an amount"))
        .await;
    fixture
        .completes(Command::purchase_credits("b-2", "bob", 30, "pi-2"))
        .await;
    fixture
        .completes(Command::consume("c-1", "ada", "llm:tokens").quantity(2000))
        .await;
    // One group with several batches and several users.
    fixture
        .completes(Command::consume("c-2", "ada", "google:chat").amount(60))
        .await;
    for (reference, amount) in [("b-1", 5), ("b-2", 7)] {
        fixture
            .completes(Command::refund(reference, "ada", "c-2").amount(amount))
            .await;
    }
    fixture
        .is_refused(Command::refund("b-3", "ada", "c-2").amount(100))
        .await;
    // Everything about debt: what is spent is owed, repaid, forgiven and reinstated.
    fixture
        .completes(Command::consume("c-9", "ada", "google:chat").amount(100))
        .await;
    let part = Command::revoke_purchase("v-1", "ada", "pi-1").amount_refunded("5.00");
    fixture.completes(part.expect("an amount")).await;
    fixture
        .completes(Command::revoke_purchase("v-2", "ada", "pi-1"))
        .await;
    fixture.completes(Command::promotion("p-2", "ada", 5)).await;
    fixture
        .completes(Command::forgive("d-1", "ada", "lost", "ops").amount(1))
        .await;
    fixture
        .completes(Command::reinstate("w-1", "ada", "v-2"))
        .await;
    fixture
        .is_refused(Command::reinstate("w-2", "ada", "v-2"))
        .await;
    // A replay, a refusal by the state of the ledger, a refusal without a wallet, and a payment
    // that was credited before.
    fixture
        .completes(Command::consume("c-1", "ada", "llm:tokens").quantity(2000))
        .await;
    fixture
        .is_refused(Command::consume("c-3", "ada", "google:chat").amount(1_000_000))
        .await;
    fixture
        .is_refused(Command::consume("c-4", "nobody", "google:chat").amount(1))
        .await;
    fixture
        .is_refused(Command::purchase_credits("b-3", "cem", 5, "pi-2"))
        .await;
    for (reference, status) in [
        ("s-1", SubscriptionStatus::Active),
        ("s-2", SubscriptionStatus::Canceled),
    ] {
        let event = Command::subscription(reference, "ada", "sub-1", "pro", status);
        fixture
            .completes(event.anchor(now - TimeDelta::days(40)))
            .await;
    }
    fixture
        .completes(Command::freeze("f-1", "bob", "chargeback", "ops"))
        .await;
    fixture
        .is_refused(Command::consume("c-5", "bob", "google:chat").amount(1))
        .await;
    fixture
        .completes(Command::unfreeze("f-2", "bob", "settled", "ops"))
        .await;
    let [ada, bob] = ["ada", "bob"].map(|user| fixture.client.balance(user));
    assert!(ada.await.expect("a balance").balance > 0);
    assert!(bob.await.expect("a balance").balance > 0);
}

/// A warning about settings of the database server.
const UNFORCED: &str = "WARN the database may lose acknowledged commands";

/// Waits until the jobs that a worker runs when it starts have all completed.
async fn jobs_end(deployment: &Deployment) {
    let all = timeout(TIMEOUT, async {
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

async fn dead_letters(fixture: &Fixture) {
    // A purchase of an unknown package, which is paid and cannot be applied.
    let unknown = Command::purchase_package("b-9", "dia", "no-such-package", "pi-9");
    fixture.is_refused(unknown).await;
    let letters = timeout(TIMEOUT, async {
        loop {
            let listed = fixture.worker.succeed(&["--json", "dead", "list"]).await;
            if listed.contains("unapplied:unknown_package") {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    letters.await.expect("a dead letter");
    fixture.worker.succeed(&["dead", "show", "b-9"]).await;
    fixture
        .worker
        .succeed(&["dead", "replay", "--reference", "b-9"])
        .await;
    let letters = timeout(TIMEOUT, async {
        while !fixture
            .worker
            .succeed(&["--json", "dead", "list"])
            .await
            .contains("b-9")
        {
            sleep(Duration::from_millis(100)).await;
        }
    });
    letters.await.expect("another dead letter");
    let dropped = ["dead", "drop", "--reference", "b-9", "--yes"];
    fixture.worker.succeed(&dropped).await;
}

#[tokio::test]
async fn the_workers_role_suffices_for_all_work_and_the_readers_role_for_reports() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker.ready_worker().await;
    every_command(&fixture).await;
    jobs_end(&fixture.worker).await;
    dead_letters(&fixture).await;
    for arguments in [
        &["job", "run", "grant", "--again"][..],
        &["job", "run", "expire", "--again"],
        &["job", "run", "verify", "--again"],
        &["verify"],
        &["migrate", "status"],
    ] {
        fixture.worker.succeed(arguments).await;
    }
    // The throw-away servers of `tests/servers` do not force writes to the disk.
    let log = worker.log().replace(UNFORCED, "");
    assert!(
        !log.contains("permission denied") && !log.contains("WARN"),
        "{log}"
    );

    // The reports run while the worker has open sessions.
    let namespace = fixture.broker.topology().namespace();
    let reader = Deployment::on_servers(
        fixture.broker.url(),
        &fixture.database.url_as("reader"),
        namespace,
    );
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
    // A complete schema is not changed.
    fixture.worker.succeed(&["migrate", "up"]).await;
    fixture.client.close().await.expect("closes");
}

#[tokio::test]
async fn a_worker_with_the_workers_role_counts_attempts_and_claims_jobs() {
    let database = TestDatabase::postgres().await.migrated().await;
    let store = Store::connect(&database.worker_url(), &StoreOptions::default())
        .await
        .expect("a store");
    let now = Utc::now();
    for tries in 1..=2 {
        assert_eq!(
            store.record_attempt("q", "m", now).await.expect("counted"),
            tries
        );
    }
    store.clear_attempts("q").await.expect("forgotten");
    store.probe().await.expect("writable");
    store.check_settings().await.expect("settings");
    read::ledger_id(&store).await.expect("an id");
    store.close().await.expect("closes");
}

/// A report ends before the first open transaction. The reader must see the start of every open
/// transaction, of any role.
#[tokio::test]
async fn the_reader_sees_the_start_of_a_workers_open_transaction() {
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
    let horizon = read::report::horizon(&reader).await.expect("a horizon");
    let open_transaction = horizon.open.expect("the worker's");
    assert_eq!(open_transaction.application, "scrip");
    open.rollback().await.expect("rolls back");
}
