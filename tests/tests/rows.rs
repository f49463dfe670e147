//! What the rows of the ledger look like, on both databases.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use ledger::{Action, Item, Origin};
use sea_orm::{ConnectionTrait, Statement, prelude::Uuid};
use tests::{
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

#[tokio::test]
async fn new_rows_have_ids_of_version_7() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        ledger
            .settle(&[buy_package("p", "ada", "lite"), consume("c", "ada", 7)])
            .await;
        for table in ["credits_balance", "credits_batch", "credits_transaction"] {
            let db = ledger.store.read_connection();
            let statement =
                Statement::from_string(db.get_database_backend(), format!("SELECT id FROM {table}"));
            for row in db.query_all_raw(statement).await.expect("rows") {
                let id: Uuid = row.try_get_by_index(0).expect("an id");
                assert_eq!(id.get_version_num(), 7, "{table}");
            }
        }
    }
}

#[tokio::test]
async fn each_sweep_of_a_batch_has_a_reference_of_its_own() {
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

#[tokio::test]
async fn a_run_of_a_job_has_the_reference_of_its_date() {
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

#[tokio::test]
async fn what_was_paid_is_kept_with_the_batch_that_was_paid_for_and_not_with_its_bonus() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let action = Action::Purchase {
            item: Item::Package("lite".to_owned()),
            purchase_id: "pi_1".to_owned(),
            paid_micros: Some(8_880_000),
            currency: Some("EUR".to_owned()),
        };
        ledger.one(command(Origin::Funding, "p", "ada", action)).await;
        let sql = "SELECT source_type || ' ' || coalesce(CAST(paid_micros AS text), '-') || ' ' || coalesce(currency, '-')
                     FROM credits_batch ORDER BY source_type DESC";
        assert_eq!(texts(&ledger, sql).await, ["PURCHASE 8880000 EUR", "BONUS - -"]);
    }
}

/// Has every statement that writes to the ledger count itself.
const COUNT: &str = "
CREATE SEQUENCE written;
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM nextval('written'); RETURN NULL; END $$;
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_balance FOR EACH STATEMENT EXECUTE FUNCTION count_it();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_batch FOR EACH STATEMENT EXECUTE FUNCTION count_it();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_transaction
  FOR EACH STATEMENT EXECUTE FUNCTION count_it();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE ON credits_allocation
  FOR EACH STATEMENT EXECUTE FUNCTION count_it()";

#[tokio::test]
async fn a_group_of_a_thousand_is_written_by_as_many_statements_as_a_group_of_one() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let user = |nth: usize| format!("user-{nth}");
    let funds: Vec<_> = (0..1000)
        .map(|nth| buy_credits(&format!("p{nth}"), &user(nth), 100))
        .collect();
    ledger.settle(&funds).await;
    ledger.database.execute(COUNT).await;
    let mut counts = Vec::new();
    for size in [1, 10, 1000] {
        let before = ledger.number("SELECT last_value FROM written").await;
        let group: Vec<_> = (0..size)
            .map(|nth| consume(&format!("c{size}-{nth}"), &user(nth), 3))
            .collect();
        ledger.settle(&group).await;
        counts.push(ledger.number("SELECT last_value FROM written").await - before);
    }
    // Wallets, transactions, new batches (though there are none), allocations, batches spent from; the first value of a
    // sequence is 1 before and after it is taken.
    assert_eq!(counts, [4, 5, 5]);
}
