//! The plain way: eight tasks, one transaction for each command, a statement for each step. Prepared statements,
//! `TCP_NODELAY`, the same tables and constraints, the same queue.

use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use producer_sdk::contract::{Body, Command, bucket};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, TransactionTrait, Value};
use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

use crate::load::{FullQueues, Ledger, Rate, Workload, timed};

const TASKS: usize = 8;

pub async fn run(workload: &Workload) -> Rate {
    let ledger = Ledger::of(workload).await;
    let queues = FullQueues::of(workload).await;
    let channel = queues.connection.create_channel().await.expect("a channel");
    channel
        .basic_qos(200, BasicQosOptions::default())
        .await
        .expect("a prefetch");
    let rate = timed(workload.commands, async {
        let queue = queues.topology.commands(0).into();
        let options = BasicConsumeOptions::default();
        let mut deliveries = channel
            .basic_consume(queue, "plain".into(), options, FieldTable::default())
            .await
            .expect("a consumer");
        let mut tasks = JoinSet::new();
        let mut senders = Vec::new();
        for _ in 0..TASKS {
            let (sender, receiver) = mpsc::channel(64);
            senders.push(sender);
            tasks.spawn(task(ledger.store.connection().clone(), receiver));
        }
        for _ in 0..workload.commands {
            let delivery = deliveries.next().await.expect("a delivery").expect("a delivery");
            let command = Command::from_json(&delivery.data).expect("a command");
            // One task a user, so that the order of a user's commands is kept.
            let task = bucket(&command.user_id) as usize % TASKS;
            senders[task].send((command, delivery)).await.expect("a task");
        }
        drop(senders);
        while let Some(done) = tasks.join_next().await {
            done.expect("a task");
        }
    })
    .await;
    channel.close(200, "bye".into()).await.expect("closed");
    assert_eq!(queues.left().await, 0);
    ledger.check(workload).await;
    queues.remove().await;
    rate
}

async fn task(connection: DatabaseConnection, mut inbox: mpsc::Receiver<(Command, Delivery)>) {
    while let Some((command, delivery)) = inbox.recv().await {
        consume(&connection, &command).await.expect("a committed command");
        delivery
            .ack(BasicAckOptions::default())
            .await
            .expect("acknowledged");
    }
}

async fn consume(connection: &DatabaseConnection, command: &Command) -> Result<(), DbErr> {
    let Body::Consume(consume) = &command.body else {
        panic!("only consume commands")
    };
    let sql =
        |text: &str, values: Vec<Value>| Statement::from_sql_and_values(DbBackend::Postgres, text, values);
    let user: Value = command.user_id.as_str().into();
    let transaction = connection.begin().await?;
    let lock = "SELECT id, balance FROM credits_balance WHERE user_id = $1 FOR UPDATE";
    let wallet = transaction
        .query_one_raw(sql(lock, vec![user.clone()]))
        .await?
        .expect("a wallet");
    let known = "SELECT 1 FROM credits_transaction WHERE origin = 'usage' AND reference_id = $1";
    let reference: Value = command.reference_id.as_str().into();
    if transaction
        .query_one_raw(sql(known, vec![reference.clone()]))
        .await?
        .is_some()
    {
        return transaction.rollback().await;
    }
    let first = "SELECT id, remaining FROM credits_batch WHERE user_id = $1 AND status = 'ACTIVE' \
        ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id LIMIT 1";
    let batch = transaction
        .query_one_raw(sql(first, vec![user.clone()]))
        .await?
        .expect("a batch");
    let (batch, remaining): (Uuid, i64) = (batch.try_get_by("id")?, batch.try_get_by("remaining")?);
    let (wallet, balance): (Uuid, i64) = (wallet.try_get_by("id")?, wallet.try_get_by("balance")?);
    let id = Uuid::now_v7();
    let insert = "INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin, \
        reference_id, fingerprint, status, balance_after, service, occurred_at, created_at) \
        VALUES ($1, $2, 'consumption', -1, 'WALLET:' || $2, 'SERVICE:' || $3, 'usage', $4, $5, 'COMPLETED', $6, $3, \
        now(), now())";
    let service: Value = consume.service.as_str().into();
    let values = vec![
        id.into(),
        user,
        service,
        reference,
        vec![1_u8; 17].into(),
        (balance - 1).into(),
    ];
    transaction.execute_raw(sql(insert, values)).await?;
    let insert = "INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at) \
        VALUES ($1, $2, -1, $3, now())";
    transaction
        .execute_raw(sql(insert, vec![id.into(), batch.into(), (remaining - 1).into()]))
        .await?;
    let update = "UPDATE credits_batch SET remaining = $2, updated_at = now() WHERE id = $1";
    transaction
        .execute_raw(sql(update, vec![batch.into(), (remaining - 1).into()]))
        .await?;
    let update = "UPDATE credits_balance SET balance = $2, total_spent = total_spent + 1, \
        transaction_count = transaction_count + 1, version = version + 1, updated_at = now() WHERE id = $1";
    transaction
        .execute_raw(sql(update, vec![wallet.into(), (balance - 1).into()]))
        .await?;
    transaction.commit().await
}
