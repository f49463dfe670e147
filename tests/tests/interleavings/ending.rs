//! What an interleaving must come to.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use super::stage::Stage;

/// What an interleaving must have booked under a reference: an amount, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Booked {
    user: String,
    reference: String,
    amount: Option<i64>,
}

/// So many credits moved under this reference.
pub fn booked(user: &str, reference: &str, amount: i64) -> Booked {
    Booked {
        user: user.to_owned(),
        reference: reference.to_owned(),
        amount: Some(amount),
    }
}

/// A refusal is kept under this reference.
pub fn refused(user: &str, reference: &str) -> Booked {
    Booked {
        amount: None,
        ..booked(user, reference, 0)
    }
}

impl Stage {
    /// What must be true in the end: exactly this is booked, each reference once; wallets hold the sum of it; each wallet
    /// went from version to version, one at a time; and the book balances.
    pub async fn check(&self, mut expected: Vec<Booked>) {
        let db = self.ledger.store.read_connection();
        let sql = r"SELECT user_id, regexp_replace(reference_id, '^expire:[0-9a-f-]+', 'expire'), amount,
              status = 'COMPLETED' FROM credits_transaction";
        let rows = all(db, sql).await;
        let mut found: Vec<Booked> = rows
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
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "what is booked");

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
        assert_eq!(wallets, right, "what is in the wallets");

        let jumps = r"SELECT count(*) FROM credits_balance w CROSS JOIN LATERAL (
              SELECT count(*) AS steps, count(DISTINCT v.new) AS versions, max(v.new) AS last, bool_and(v.new = v.old + 1) AS each
              FROM stage_version v WHERE v.user_id = w.user_id) s
            WHERE (s.steps, s.versions, s.last, s.each) IS DISTINCT FROM (w.version, w.version, w.version, true)";
        assert_eq!(self.ledger.number(jumps).await, 0, "wallets whose version jumped");
        self.ledger.verify().await;
    }
}

async fn all(db: &impl ConnectionTrait, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    db.query_all_raw(statement).await.expect("rows")
}
