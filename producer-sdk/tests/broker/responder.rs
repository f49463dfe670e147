//! Replaces the worker for a client: reads commands and queries, replies to them, and records the
//! references of the commands.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use producer_sdk::contract::{
    Answer, BalanceResult, Command, Outcome, Query, Rejection, Reply, Status, Topology,
};
use tokio::sync::watch;

/// The references of the received commands, in order, including copies.
pub type References = Arc<Mutex<Vec<String>>>;

pub struct Responder {
    pub references: References,
    /// While `false`, commands are read but not replied to.
    pub answering: watch::Sender<bool>,
}

impl Responder {
    pub async fn start(channel: &Channel, topology: &Topology) -> Self {
        let references = References::default();
        let (answering, answers) = watch::channel(true);
        for queue in [topology.commands(0), topology.queries()] {
            let consumer = channel
                .basic_consume(
                    queue.as_str().into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await
                .expect("a subscription");
            let (channel, references, answers) =
                (channel.clone(), Arc::clone(&references), answers.clone());
            tokio::spawn(consumer.for_each(move |delivery| {
                let (channel, references, answers) =
                    (channel.clone(), Arc::clone(&references), answers.clone());
                async move {
                    let delivery = delivery.expect("a delivery");
                    let reply = answer(&delivery, &references);
                    delivery
                        .ack(BasicAckOptions::default())
                        .await
                        .expect("an ack");
                    if *answers.borrow() {
                        send(&channel, &delivery, &reply).await;
                    }
                }
            }));
        }
        Self {
            references,
            answering,
        }
    }
}

fn answer(delivery: &Delivery, references: &References) -> Reply {
    if let Ok(Query::Balance { user_id }) = Query::from_json(&delivery.data) {
        return Reply::Answer(if user_id == "user_without_wallet" {
            Answer::error("balance", "wallet_not_found", "no wallet")
        } else {
            Answer::ok(
                "balance",
                &BalanceResult {
                    user_id,
                    available_credits: 7,
                    balance: 7,
                    held: 0,
                    holds_end_at: None,
                    debt: 0,
                    total_earned: 10,
                    total_spent: 3,
                    status: "ACTIVE".to_owned(),
                    next_expiring_batch: None,
                    next_grant_info: None,
                    version: 1,
                },
            )
        });
    }
    let command = Command::from_json(&delivery.data).expect("a command");
    let mut references = references.lock().expect("not poisoned");
    let replayed = references.contains(&command.reference_id);
    references.push(command.reference_id.clone());
    if command.reference_id == "reject-me" {
        let rejection: Result<Command, Rejection> = Command::from_json(b"{}");
        return Reply::Rejected(rejection.expect_err("a rejection"));
    }
    let reference_id = match command.reference_id.as_str() {
        "confuse-me" => "another".to_owned(),
        reference => reference.to_owned(),
    };
    Reply::Outcome(Outcome {
        reference_id,
        kind: command.kind().as_str().to_owned(),
        user_id: command.user_id,
        status: Status::Completed,
        replayed,
        amount: Some(-1),
        balance: Some(1),
        available: None,
        transactions: Vec::new(),
        allocations: Vec::new(),
        granted: None,
        clipped: None,
        over_cap: None,
        held: None,
        hold_expires_at: None,
        uncaptured: None,
        revoked: None,
        taken: None,
        indebted: None,
        restored: None,
        cancelled: None,
        forgiven: None,
        repaid: None,
        debt: None,
        default_price: None,
        skipped: None,
        stale: None,
        error: None,
    })
}

async fn send(channel: &Channel, delivery: &Delivery, reply: &Reply) {
    let queue = delivery
        .properties
        .reply_to()
        .clone()
        .expect("a reply queue");
    let id = delivery
        .properties
        .correlation_id()
        .clone()
        .expect("a correlation id");
    channel
        .basic_publish(
            "".into(),
            queue,
            BasicPublishOptions::default(),
            &reply.to_json(),
            BasicProperties::default().with_correlation_id(id),
        )
        .await
        .expect("a reply");
}
