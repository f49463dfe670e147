//! A large ledger that a few statements fill.

use testkit::db::TestDatabase;

/// The size of the large ledger.
#[derive(Clone, Copy, Debug)]
pub struct Large {
    pub wallets: u32,
    /// The number of batches. Each is a purchase with its own transaction.
    pub batches: u32,
    /// The number of transactions, including the purchases.
    pub transactions: u32,
}

/// The id of the `n`-th user. The first one is 0.
pub fn user(n: u32) -> String {
    format!("user-{n}")
}

/// Statements that fill the ledger. In both profiles each user has purchased 1000 credits three
/// times, and has spent credits of the first purchase one by one.
const FILL: [&str; 4] = [
    "\
INSERT INTO credits_balance (id, user_id, balance, total_earned, total_spent, transaction_count, \
version, created_at,
                             updated_at)
SELECT CAST('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid), 'user-' || n,
       1000 * bought - spent, 1000 * bought, spent, bought + spent, bought + spent, at, at
  FROM (SELECT n, {batches} / {wallets} AS bought,
    ({transactions} - {batches}) / {wallets} AS spent,
               now() - interval '200 days' AS at
          FROM generate_series(CAST(0 AS bigint), {wallets} - 1) n) wallet",
    "\
INSERT INTO credits_batch (id, user_id, amount, remaining, issued_at, status, source_type, \
transaction_id, created_at,
                           updated_at)
SELECT CAST('01920000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid),
  'user-' || (n % {wallets}), 1000,
       CASE WHEN n < {wallets} THEN 1000 - ({transactions} - {batches}) / {wallets} ELSE 1000 END,
       at, 'ACTIVE', 'PURCHASE', CAST('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS
         uuid), at, at
  FROM (SELECT n, now() - interval '200 days' + interval '1 second' * (n / {wallets}) AS at
          FROM generate_series(CAST(0 AS bigint), {batches} - 1) n) batch",
    "\
INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, \
origin, reference_id,
                                 fingerprint, status, balance_after, service, purchase_id,
                                   occurred_at, created_at)
SELECT CAST('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid),
  'user-' || (n % {wallets}),
       CASE WHEN buys THEN 'purchase' ELSE 'consumption' END, CASE WHEN buys THEN 1000 ELSE -1 END,
       CASE WHEN buys THEN 'PAYMENT:' || n ELSE 'WALLET:user-' || (n % {wallets}) END,
       CASE WHEN buys THEN 'WALLET:user-' || (n % {wallets}) ELSE 'SERVICE:google:fast' END,
       CASE WHEN buys THEN 'funding' ELSE 'usage' END, 'old-' || md5(CAST(n AS text)),
         decode(repeat('01', 17), 'hex'),
       'COMPLETED', CASE WHEN buys THEN 1000 * (1 + n / {wallets})
                         ELSE 1000 * ({batches} / {wallets}) - 1 - (n - {batches}) / {wallets} END,
       CASE WHEN NOT buys THEN 'google:fast' END, CASE WHEN buys THEN CAST(n AS text) END, at, at
  FROM (SELECT n, n < {batches} AS buys,
    now() - interval '200 days' + interval '1 second' * (n / {wallets}) AS at
          FROM generate_series(CAST(0 AS bigint), {transactions} - 1) n) transaction",
    "\
INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
SELECT CAST('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid),
       CAST('01920000-0000-7000-8000-' || lpad(to_hex(CASE WHEN buys THEN n ELSE n % {wallets}
         END), 12, '0') AS uuid),
       CASE WHEN buys THEN 1000 ELSE -1 END,
       CASE WHEN buys THEN 1000 ELSE 999 - (n - {batches}) / {wallets} END, at
  FROM (SELECT n, n < {batches} AS buys,
    now() - interval '200 days' + interval '1 second' * (n / {wallets}) AS at
          FROM generate_series(CAST(0 AS bigint), {transactions} - 1) n) allocation",
];

/// A database with a large ledger for which every invariant holds.
pub async fn fill(size: &Large) -> TestDatabase {
    let database = TestDatabase::postgres().await.migrated().await;
    let numbers = [
        ("{wallets}", size.wallets),
        ("{batches}", size.batches),
        ("{transactions}", size.transactions),
    ];
    for text in FILL {
        let fill =
            |text: String, (token, number): (&str, u32)| text.replace(token, &number.to_string());
        database
            .execute(&numbers.into_iter().fold(text.to_owned(), fill))
            .await;
    }
    database
}
