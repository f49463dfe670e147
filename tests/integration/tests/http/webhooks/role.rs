//! The role of a webhook server in the database, as the documents create it.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::db::TestDatabase;

use super::{
    events::{DAHLIA, Life},
    orders::newest_events,
    sender::{Shop, event},
};

/// What the role may write, as the words of `GRANT`.
const RIGHTS: [&str; 18] = [
    "INSERT ON payment_event",
    "UPDATE (detail) ON payment_event",
    "UPDATE (reason) ON payment_event",
    "UPDATE (reference_ids) ON payment_event",
    "UPDATE (status) ON payment_event",
    "UPDATE (updated_at) ON payment_event",
    "UPDATE (user_id) ON payment_event",
    "UPDATE (waits_for) ON payment_event",
    "INSERT ON payment_link",
    "UPDATE (amount) ON payment_link",
    "UPDATE (deposit) ON payment_link",
    "UPDATE (invoice) ON payment_link",
    "UPDATE (period_end) ON payment_link",
    "UPDATE (period_start) ON payment_link",
    "UPDATE (subscription_id) ON payment_link",
    "UPDATE (updated_at) ON payment_link",
    "UPDATE (user_id) ON payment_link",
    "INSERT ON payment_wait",
];
const DELETE: &str = "DELETE ON payment_wait";

/// The privileges to write whole tables, and those to change columns.
const WRITES: &str = "\
SELECT privilege || ' ON ' || c.relname::text AS right FROM pg_class c,
       unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
   AND has_table_privilege($1, c.oid, privilege)
 UNION ALL
SELECT 'UPDATE (' || a.attname || ') ON ' || c.relname::text
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
   AND has_column_privilege($1, c.oid, a.attnum, 'UPDATE')";

async fn writes(database: &TestDatabase, role: &str) -> BTreeSet<String> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, WRITES, [role.into()]);
    let rows = database.connection().query_all_raw(statement).await;
    let rows = rows.expect("rows").into_iter();
    rows.map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

/// Conformance: Payment webhooks: The documented role of a webhook server may write what events
/// need and nothing else
#[tokio::test]
async fn the_documented_role_suffices_and_has_no_right_too_many() {
    let (shop, role) = Shop::with_web_role().await;
    let database = shop.fixture.database.as_ref().expect("a database");
    let all: Vec<&str> = RIGHTS.into_iter().chain([DELETE]).collect();
    let expected: BTreeSet<String> = all.iter().map(|right| (*right).to_owned()).collect();
    assert_eq!(writes(database, &role).await, expected);
    // A whole life, the refund before everything else.
    let life = Life::new("role");
    for event in newest_events(&life)
        .iter()
        .rev()
        .chain(&newest_events(&life))
    {
        let _ = shop.deliver(event).await;
    }
    assert_eq!(shop.balance(&life.user).await, (150, 0));
    for (number, right) in all.into_iter().enumerate() {
        let life = Life::new(&format!("right-{number}"));
        let refund = life.refund(&format!("re_{number}"), 500, "succeeded");
        let refund = event(&format!("evt_r{number}"), "refund.created", DAHLIA, refund);
        let kind = "checkout.session.completed";
        let paid = event(&format!("evt_p{number}"), kind, DAHLIA, life.purchase());
        let grant = |word: &str, whom: &str| format!("{word} {right} {whom} {role}");
        database.execute(&grant("REVOKE", "FROM")).await;
        let mut statuses = Vec::new();
        for event in [&refund, &paid] {
            statuses.push(shop.send_stripe(event).await.status);
        }
        assert!(
            statuses.contains(&503),
            "{right} is not needed: {statuses:?}"
        );
        database.execute(&grant("GRANT", "TO")).await;
        for event in [&refund, &paid, &refund] {
            shop.send_stripe(event).await.expect(200);
        }
        assert_eq!(shop.balance(&life.user).await, (55, 0), "{right}");
    }
    shop.fixture.finish().await;
}
