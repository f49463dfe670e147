//! The expected result of an interleaving.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use super::fixture::Fixture;

/// The expected row of a reference: an amount, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Booked {
    user: String,
    reference: String,
    amount: Option<i64>,
}

/// A completed transaction with this amount.
pub fn booked(user: &str, reference: &str, amount: i64) -> Booked {
    Booked {
        user: user.to_owned(),
        reference: reference.to_owned(),
        amount: Some(amount),
    }
}

/// A stored refusal.
pub fn refused(user: &str, reference: &str) -> Booked {
    Booked {
        amount: None,
        ..booked(user, reference, 0)
    }
}

impl Fixture {
    /// Panics unless exactly the expected rows are booked, each wallet has their sum, each version
    /// has increased by one at a time, and every invariant holds.
    pub async fn check(&self, mut expected: Vec<Booked>) {
        let db = self.ledger.store.read_connection();
        let sql = r"SELECT user_id, regexp_replace(reference_id, '^expire:[0-9a-f-]+', 'expire'), amount,
              status = 'COMPLETED' FROM credits_transaction";
        let rows = all(db, sql).await;
        let mut actual: Vec<Booked> = rows
            .iter()
            .map(|row| Booked {
                user: row.try_get_by_index(0).expect("a user"),
                reference: row.try_get_by_index(1).expect("a reference"),
                amount: row
                    .try_get_by_index::<bool>(3)
                    .expect("whether it is booked")
                    .then(|| row.try_get_by_index(2).expect("an amount")),
            })
            .collect();
        actual.sort();
        expected.sort();
        assert_eq!(actual, expected, "booked rows");

        let mut right: BTreeMap<String, i64> = BTreeMap::new();
        for booked in expected {
            if let Some(amount) = booked.amount {
                *right.entry(booked.user).or_default() += amount;
            }
        }
        let wallets = all(db, "SELECT user_id, balance FROM credits_balance").await;
        let wallets: BTreeMap<String, i64> = wallets
            .iter()
            .map(|row| {
                let user = row.try_get_by_index(0).expect("a user");
                (user, row.try_get_by_index(1).expect("a balance"))
            })
            .collect();
        assert_eq!(wallets, right, "balances of the wallets");

        let jumps = r"SELECT count(*) FROM credits_balance w CROSS JOIN LATERAL (
              SELECT count(*) AS steps, count(DISTINCT v.new) AS versions, max(v.new) AS last,
                bool_and(v.new = v.old + 1) AS each
              FROM test_version v WHERE v.user_id = w.user_id) s
            WHERE (s.steps, s.versions, s.last, s.each) IS DISTINCT
              FROM (w.version, w.version, w.version, true)";
        assert_eq!(
            self.ledger.number(jumps).await,
            0,
            "wallets whose version jumped"
        );
        self.ledger.verify().await;
    }
}

async fn all(db: &impl ConnectionTrait, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    db.query_all_raw(statement).await.expect("rows")
}
