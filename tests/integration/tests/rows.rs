//! The contents of the ledger's rows, on both databases.

use chrono::{DateTime, TimeDelta};
use ledger::{Action, Command, Item, Origin, Purchase};
use sea_orm::{ConnectionTrait, Statement, prelude::Uuid};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, buy_package, command, consume, expire, promote},
};

/// The values of a column, in order.
async fn texts(ledger: &TestLedger, sql: &str) -> Vec<String> {
    let db = ledger.store.read_connection();
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.expect("rows");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

/// Conformance: Amounts, time and spending order: New rows have UUIDs of version 7 as ids
#[tokio::test]
async fn new_rows_have_ids_of_version_7() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        ledger
            .settle(&[buy_package("p", "ada", "lite"), consume("c", "ada", 7)])
            .await;
        for table in ["credits_balance", "credits_batch", "credits_transaction"] {
            let db = ledger.store.read_connection();
            let statement = Statement::from_string(
                db.get_database_backend(),
                format!("SELECT id FROM {table}"),
            );
            for row in db.query_all_raw(statement).await.expect("rows") {
                let id: Uuid = row.try_get_by_index(0).expect("an id");
                assert_eq!(id.get_version_num(), 7, "{table}");
            }
        }
    }
}

/// Conformance: Idempotency: Expirations and job runs have derived references
/// `expire:{batchId}:{n}` and `job:{name}:{date}`
#[tokio::test]
async fn each_expiration_of_a_batch_has_its_own_reference() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        ledger.one(promote("g", "ada", 7, Some(1))).await;
        ledger.now += TimeDelta::days(3);
        ledger.one(expire("ada", ledger.now)).await;
        ledger.one(expire("ada", ledger.now)).await;
        let batch = ledger
            .store
            .read_connection()
            .query_one_raw(Statement::from_string(
                ledger.store.backend(),
                "SELECT id FROM credits_batch",
            ));
        let batch: Uuid = batch
            .await
            .expect("a query")
            .expect("a batch")
            .try_get_by_index(0)
            .expect("an id");
        let sql = "SELECT reference_id FROM credits_transaction WHERE type = 'expiration'";
        assert_eq!(texts(&ledger, sql).await, [format!("expire:{batch}:1")]);
    }
}

/// Conformance: Idempotency: Expirations and job runs have derived references
/// `expire:{batchId}:{n}` and `job:{name}:{date}`
#[tokio::test]
async fn a_run_of_a_job_has_a_reference_with_its_date() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let date = "2026-11-22".parse().expect("a date");
        let claim = ledger
            .store
            .claim_job("grant", date, ("test", "w"), ledger.now, false);
        claim.await.expect("a claim");
        assert_eq!(
            texts(&ledger, "SELECT reference_id FROM job_run").await,
            ["job:grant:2026-11-22"]
        );
    }
}

/// Conformance: Commands: `amountPaid` and `currency` are stored with the purchased batch
#[tokio::test]
async fn the_amount_paid_is_stored_with_the_purchased_batch_and_not_with_its_bonus() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let action = Action::Purchase(Purchase {
            quantity: None,
            item: Item::Package("lite".to_owned()),
            purchase_id: "pi_1".to_owned(),
            purchase_line: None,
            paid_micros: Some(8_880_000),
            currency: Some("EUR".to_owned()),
        });
        ledger
            .one(command(Origin::Funding, "p", "ada", action))
            .await;
        let sql = "SELECT source_type || ' ' || coalesce(CAST(paid_micros AS text),
          '-') || ' ' || coalesce(currency, '-')
                     FROM credits_batch ORDER BY source_type DESC";
        assert_eq!(
            texts(&ledger, sql).await,
            ["PURCHASE 8880000 EUR", "BONUS - -"]
        );
    }
}

/// Triggers that count the statements that write to the ledger.
const COUNT: &str = "
CREATE SEQUENCE written;
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM nextval('written'); RETURN NULL; END $$;
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_balance FOR EACH STATEMENT
  EXECUTE FUNCTION count_it();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_batch FOR EACH STATEMENT
  EXECUTE FUNCTION count_it();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_transaction
  FOR EACH STATEMENT EXECUTE FUNCTION count_it();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_allocation
  FOR EACH STATEMENT EXECUTE FUNCTION count_it();
GRANT ALL ON SEQUENCE written TO PUBLIC";

#[tokio::test]
async fn a_group_of_a_thousand_needs_as_many_statements_as_a_group_of_two() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let user = |nth: usize| format!("user-{nth}");
    let funds: Vec<_> = (0..1000)
        .map(|nth| buy_credits(&format!("p{nth}"), &user(nth), 100))
        .collect();
    ledger.settle(&funds).await;
    ledger.database.execute(COUNT).await;
    let mut counts = Vec::new();
    for size in [2, 10, 1000, 1] {
        let before = ledger.number("SELECT last_value FROM written").await;
        let group: Vec<_> = (0..size)
            .map(|nth| consume(&format!("c{size}-{nth}"), &user(nth), 3))
            .collect();
        ledger.settle(&group).await;
        counts.push(ledger.number("SELECT last_value FROM written").await - before);
    }
    // The counted statements write wallets, transactions, new batches (although there are none),
    // allocations and spent batches. The first value of a sequence is 1 before and after it is
    // used. The statement for a single command has no part for new batches.
    assert_eq!(counts, [4, 5, 5, 4]);
}

/// A consumption by `user` with all optional fields.
fn detailed(reference: &str, user: &str, amount: i64) -> Command {
    Command {
        occurred_at: DateTime::from_timestamp(1_795_341_000, 5_000),
        received_at: None,
        sender: None,
        description: Some("a \"long\" talk".to_owned()),
        metadata: Some(r#"{"model": "m-1",  "n": 7}"#.to_owned()),
        ..consume(reference, user, amount)
    }
}

#[tokio::test]
async fn a_single_command_writes_the_same_rows_as_a_command_in_a_group() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    for user in ["user-1", "user-2", "another"] {
        ledger
            .one(buy_credits(&format!("p-{user}"), user, 100))
            .await;
    }
    let used = |user: &str| Command {
        metadata: None,
        description: None,
        ..detailed(&format!("u-{user}"), user, 7)
    };
    // The last command spends the rest, which closes the batch.
    let commands = |user: &str| [used(user), detailed(&format!("c-{user}"), user, 93)];
    for (first, second) in commands("user-1").into_iter().zip(commands("user-2")) {
        let another = consume(&format!("{}-too", second.reference_id), "another", 1);
        ledger.one(first).await;
        ledger.settle(&[second, another]).await;
    }
    let rows = |user| {
        format!(
            "SELECT replace(line, '{user}', 'USER') FROM (
               SELECT (to_jsonb(w) - 'id')::text AS line FROM credits_balance w
                 WHERE user_id = '{user}'
               UNION ALL SELECT (to_jsonb(b) - 'id' - 'transaction_id')::text FROM credits_batch b
                 WHERE user_id = '{user}'
               UNION ALL SELECT (to_jsonb(t) - 'id' - 'fingerprint')::text
                 FROM credits_transaction t WHERE user_id = '{user}'
               UNION ALL SELECT (to_jsonb(a) - 'transaction_id' - 'batch_id')::text
                 FROM credits_allocation a
                 JOIN credits_batch b ON b.id = a.batch_id WHERE b.user_id = '{user}') AS rows
                   ORDER BY 1"
        )
    };
    let (alone, in_group) = (
        texts(&ledger, &rows("user-1")).await,
        texts(&ledger, &rows("user-2")).await,
    );
    assert_eq!(alone.len(), 1 + 1 + 3 + 3);
    assert!(
        alone.iter().any(|row| row.contains("CONSUMED"))
            && alone.iter().any(|row| row.contains("m-1"))
    );
    assert_eq!(alone, in_group);
    for command in commands("user-1") {
        assert!(
            ledger.one(command).await.replayed,
            "the fingerprint is also the same"
        );
    }
}
