//! A plain worker: one transaction per command, and one statement per step. It has prepared
//! statements, `TCP_NODELAY`, a connection for each task, and the same tables, constraints and
//! queue as Scrip.

use std::time::Instant;

use chrono::Utc;
use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use producer_sdk::contract::{Body, Command, bucket};
use scrip::{db::sqlite_instant, store::Store};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use testkit::{broker::TestBroker, db::TestDatabase};
use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

use crate::{held::Held, large, ledger::Ledger, publisher, report::rate, workload::Workload};

const TASKS: usize = 8;

/// Drains a full queue. Returns commands per second.
pub async fn run(workload: &Workload) -> f64 {
    let ledger = Ledger::with_batches(TestDatabase::postgres().await, workload.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::start().await;
    publisher::fill(&broker, workload.messages()).await;
    let connection = publisher::connect(&broker).await;
    let channel = connection.create_channel().await.expect("a channel");
    let limit = channel.basic_qos(200, BasicQosOptions::default());
    limit.await.expect("a prefetch");
    let (queue, options) = (
        broker.topology().commands(0).into(),
        BasicConsumeOptions::default(),
    );
    let mut tasks = JoinSet::new();
    let mut inboxes = Vec::new();
    for _ in 0..TASKS {
        let (sender, receiver) = mpsc::channel(64);
        inboxes.push(sender);
        tasks.spawn(task(prepared(&ledger.store).await, receiver));
    }
    let started = Instant::now();
    let deliveries = channel.basic_consume(queue, "plain".into(), options, FieldTable::default());
    let mut deliveries = deliveries.await.expect("a subscription");
    for _ in 0..workload.messages {
        let delivery = deliveries
            .next()
            .await
            .expect("a delivery")
            .expect("a delivery");
        let command = Command::from_json(&delivery.data).expect("a command");
        // All commands of a user go to the same task, which keeps their order.
        let task = bucket(&command.user_id) as usize % TASKS;
        inboxes[task]
            .send((command, delivery))
            .await
            .expect("a task");
    }
    drop(inboxes);
    let all_held = tasks.join_all().await;
    let rate = rate(workload.messages, started.elapsed());
    for held in all_held {
        held.release().await;
    }
    let _ = connection.close(200, "bye".into()).await;
    broker
        .wait_for_ready(&broker.topology().commands(0), 0)
        .await;
    ledger.check(before, workload).await;
    rate
}

async fn task(connection: Held, mut inbox: mpsc::Receiver<(Command, Delivery)>) -> Held {
    while let Some((command, delivery)) = inbox.recv().await {
        consume(&connection, &command)
            .await
            .expect("a committed command");
        delivery
            .ack(BasicAckOptions::default())
            .await
            .expect("acknowledged");
    }
    connection
}

/// A connection on which all statements are prepared. It runs one command and rolls it back.
pub async fn prepared(store: &Store) -> Held {
    let connection = Held::take(store).await;
    let transaction = connection.begin().await.expect("a transaction");
    let dry_run = Command::consume("dry", large::user(0), "google:fast");
    steps(transaction, &dry_run)
        .await
        .expect("prepared statements");
    connection.roll_back().await.expect("a rollback");
    connection
}

/// Spends one credit in its own transaction.
pub async fn consume(connection: &Held, command: &Command) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    if steps(transaction, command).await? {
        connection.commit().await
    } else {
        connection.roll_back().await
    }
}

/// Runs one statement for each kind of row. The lock on the wallet's row protects the wallet, and
/// the unique index shows whether the command is new. Returns whether there is anything to commit.
async fn steps(connection: &impl ConnectionTrait, command: &Command) -> Result<bool, DbErr> {
    let Body::Consume(consume) = &command.body else {
        panic!("only consume commands")
    };
    let backend = connection.get_database_backend();
    let sql =
        |text: &str, values: Vec<Value>| Statement::from_sql_and_values(backend, text, values);
    let user: Value = command.user_id.as_str().into();
    let now: Value = match backend {
        DbBackend::Sqlite => sqlite_instant(Utc::now()).into(),
        _ => Utc::now().into(),
    };
    let update = "UPDATE credits_balance SET balance = balance - 1, total_spent = total_spent + 1, \
        transaction_count = transaction_count + 1, version = version + 1, updated_at = $2 \
        WHERE user_id = $1 \
        RETURNING balance";
    let wallet = connection
        .query_one_raw(sql(update, vec![user.clone(), now.clone()]))
        .await?;
    let balance: i64 = wallet.expect("a wallet").try_get_by("balance")?;
    let first = "SELECT id, remaining FROM credits_batch WHERE user_id = $1 AND status = 'ACTIVE' \
        ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id \
        LIMIT 1";
    let batch = connection
        .query_one_raw(sql(first, vec![user.clone()]))
        .await?;
    let batch = batch.expect("a batch");
    let (batch, remaining): (Uuid, i64) = (batch.try_get_by("id")?, batch.try_get_by("remaining")?);
    let id = Uuid::now_v7();
    let insert = "INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, \
        credit_account, origin, \
        reference_id, fingerprint, status, balance_after, service, occurred_at, created_at) \
        VALUES ($1, $2, 'consumption', -1, 'WALLET:' || $2, 'SERVICE:' || $3, 'usage', $4, $5, \
        'COMPLETED', $6, $3, \
        $7, $7) ON CONFLICT DO NOTHING";
    let values = vec![
        id.into(),
        user,
        consume.service.as_str().into(),
        command.reference_id.as_str().into(),
        vec![1_u8; 17].into(),
        balance.into(),
        now.clone(),
    ];
    let inserted = connection.execute_raw(sql(insert, values)).await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    let remaining: Value = (remaining - 1).into();
    let insert = "INSERT INTO credits_allocation (transaction_id, batch_id, amount, \
        batch_remaining, created_at) \
        VALUES ($1, $2, -1, $3, $4)";
    let values = vec![id.into(), batch.into(), remaining.clone(), now.clone()];
    connection.execute_raw(sql(insert, values)).await?;
    let update = "UPDATE credits_batch SET remaining = $2, updated_at = $3 WHERE id = $1";
    let values = vec![batch.into(), remaining, now];
    connection.execute_raw(sql(update, values)).await?;
    Ok(true)
}
