//! All operations that the broker must refuse, tried with the credentials of each user.

use lapin::{
    BasicProperties, Connection, ExchangeKind,
    options::{
        BasicConsumeOptions, BasicGetOptions, ExchangeBindOptions, ExchangeDeclareOptions,
        ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
        QueuePurgeOptions,
    },
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::QUERY_KEY;
use testkit::broker::TIMEOUT;
use tokio::time::timeout;

use crate::fixture::{
    ACCESS_REFUSED, Fixture, PRECONDITION_FAILED, RESOURCE_LOCKED, channel, code, next, publish,
    reply_queue,
};

/// Tries an operation on a new channel; panics unless the broker refuses it with this code.
macro_rules! refused {
    ($connection:expr, $code:expr, $target:expr, |$channel:ident| $attempt:expr) => {{
        let $channel = channel($connection).await;
        let result = timeout(TIMEOUT, $attempt).await.expect("an answer");
        let attempt = stringify!($attempt);
        assert_eq!(
            code(&result),
            Some($code),
            "{:?}: {attempt}: {result:?}",
            $target
        );
    }};
}

/// Exchanges that every broker has.
const STANDARD_EXCHANGES: [&str; 4] = ["amq.direct", "amq.fanout", "amq.topic", "amq.headers"];

fn text(name: &str, value: &str) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(name.into(), AMQPValue::LongString(value.into()));
    table
}

/// Conformance: Broker permissions and senders: An app cannot mint credits or touch queues and
/// exchanges, even through objects of its own
#[tokio::test]
async fn an_app_and_a_bridge_can_only_access_the_exchanges_they_send_to() {
    let fixture = Fixture::declared().await;
    let topology = fixture.topology();
    for (user, reachable) in [
        ("app", vec![topology.usage(), topology.queries()]),
        ("bridge", vec![topology.funding()]),
    ] {
        let connection = fixture.connect(user).await;
        let names = topology
            .exchanges()
            .into_iter()
            .map(|exchange| exchange.name);
        let (reached, others): (Vec<_>, Vec<_>) = names
            .chain(STANDARD_EXCHANGES.map(str::to_owned))
            .partition(|name| reachable.contains(name));
        assert_eq!(reached.len(), reachable.len());
        for exchange in &reached {
            let key = if *exchange == topology.queries() {
                QUERY_KEY
            } else {
                "0"
            };
            let channel = channel(&connection).await;
            let taken = publish(&channel, exchange, key, b"{}", BasicProperties::default()).await;
            taken.expect("a permission to write");
            let forged = || BasicProperties::default().with_user_id("worker".into());
            refused!(&connection, PRECONDITION_FAILED, exchange, |channel| {
                publish(&channel, exchange, key, b"{}", forged())
            });
        }
        exchanges_are_out_of_reach(&connection, &reached, &others).await;
        let queues = topology.queues().into_iter().map(|queue| queue.name);
        let queues: Vec<String> = queues.chain([topology.ledger()]).collect();
        queues_are_out_of_reach(&connection, &queues, &reached).await;
        tricks_are_refused(&connection, &reached[0], &others).await;
    }
}

async fn exchanges_are_out_of_reach(
    connection: &Connection,
    reached: &[String],
    others: &[String],
) {
    for exchange in others {
        refused!(connection, ACCESS_REFUSED, exchange, |channel| publish(
            &channel,
            exchange,
            "0",
            b"{}",
            BasicProperties::default()
        ));
    }
    for exchange in reached.iter().chain(others) {
        refused!(connection, ACCESS_REFUSED, exchange, |channel| channel
            .exchange_delete(
                exchange.as_str().into(),
                ExchangeDeleteOptions::default()
            ));
        refused!(connection, ACCESS_REFUSED, exchange, |channel| channel
            .exchange_declare(
                exchange.as_str().into(),
                ExchangeKind::Direct,
                ExchangeDeclareOptions::default(),
                FieldTable::default()
            ));
    }
}

async fn queues_are_out_of_reach(connection: &Connection, queues: &[String], reached: &[String]) {
    for queue in queues {
        let name = || queue.as_str().into();
        // The default exchange routes to every queue.
        refused!(connection, ACCESS_REFUSED, queue, |channel| publish(
            &channel,
            "",
            queue,
            b"{}",
            BasicProperties::default()
        ));
        refused!(connection, ACCESS_REFUSED, queue, |channel| channel
            .queue_declare(
                name(),
                QueueDeclareOptions::default(),
                FieldTable::default()
            ));
        refused!(connection, ACCESS_REFUSED, queue, |channel| channel
            .queue_delete(name(), QueueDeleteOptions::default()));
        refused!(connection, ACCESS_REFUSED, queue, |channel| channel
            .queue_purge(name(), QueuePurgeOptions::default()));
        refused!(connection, ACCESS_REFUSED, queue, |channel| channel
            .basic_get(name(), BasicGetOptions::default()));
        refused!(connection, ACCESS_REFUSED, queue, |channel| channel
            .basic_consume(
                name(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default()
            ));
        for exchange in reached {
            refused!(connection, ACCESS_REFUSED, queue, |channel| channel
                .queue_bind(
                    name(),
                    exchange.as_str().into(),
                    "0".into(),
                    QueueBindOptions::default(),
                    FieldTable::default()
                ));
            refused!(connection, ACCESS_REFUSED, queue, |channel| channel
                .queue_unbind(
                    name(),
                    exchange.as_str().into(),
                    "0".into(),
                    FieldTable::default()
                ));
        }
    }
}

/// Indirect ways through the user's own queue or exchange.
async fn tricks_are_refused(connection: &Connection, reached: &str, others: &[String]) {
    let own = channel(connection).await;
    let (own, _replies) = reply_queue(&own).await;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    for exchange in others.iter().map(String::as_str).chain([reached]) {
        // A binding to read the messages.
        refused!(connection, ACCESS_REFUSED, exchange, |channel| channel
            .queue_bind(
                own.as_str().into(),
                exchange.into(),
                "0".into(),
                QueueBindOptions::default(),
                FieldTable::default()
            ));
        refused!(connection, ACCESS_REFUSED, exchange, |channel| channel
            .exchange_bind(
                exchange.into(),
                reached.into(),
                "0".into(),
                ExchangeBindOptions::default(),
                FieldTable::default()
            ));
        refused!(connection, ACCESS_REFUSED, exchange, |channel| channel
            .exchange_bind(
                reached.into(),
                exchange.into(),
                "0".into(),
                ExchangeBindOptions::default(),
                FieldTable::default()
            ));
    }
    for exchange in others.iter().map(String::as_str).chain([""]) {
        // A queue from which the broker forwards expired messages.
        refused!(connection, ACCESS_REFUSED, exchange, |channel| channel
            .queue_declare(
                "".into(),
                exclusive,
                text("x-dead-letter-exchange", exchange)
            ));
    }
    for name in ["till.v1.reply.shop", "till.v1.more", "shop", "amq.gen-shop"] {
        refused!(connection, ACCESS_REFUSED, name, |channel| channel
            .queue_declare(name.into(), exclusive, FieldTable::default()));
        // An exchange from which the broker forwards unroutable messages.
        refused!(connection, ACCESS_REFUSED, name, |channel| channel
            .exchange_declare(
                name.into(),
                ExchangeKind::Direct,
                ExchangeDeclareOptions::default(),
                text("alternate-exchange", reached)
            ));
    }
}

/// Conformance: Broker permissions and senders: No account can read the replies of another account
#[tokio::test]
async fn no_user_can_read_or_delete_the_replies_of_another() {
    let fixture = Fixture::declared().await;
    let victim = fixture.connect("app").await;
    let theirs = channel(&victim).await;
    let (queue, mut replies) = reply_queue(&theirs).await;
    let name = || queue.as_str().into();
    // The worst case: another user knows the name of the queue.
    for user in ["app", "bridge", "worker"] {
        let spy = fixture.connect(user).await;
        refused!(&spy, RESOURCE_LOCKED, user, |channel| channel
            .basic_get(name(), BasicGetOptions::default()));
        refused!(&spy, RESOURCE_LOCKED, user, |channel| channel
            .basic_consume(
                name(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default()
            ));
        refused!(&spy, RESOURCE_LOCKED, user, |channel| channel
            .queue_purge(name(), QueuePurgeOptions::default()));
        refused!(&spy, RESOURCE_LOCKED, user, |channel| channel
            .queue_delete(name(), QueueDeleteOptions::default()));
        refused!(&spy, ACCESS_REFUSED, user, |channel| channel.queue_bind(
            name(),
            fixture.topology().usage().into(),
            "0".into(),
            QueueBindOptions::default(),
            FieldTable::default()
        ));
    }
    for user in ["app", "bridge"] {
        let forger = fixture.connect(user).await;
        refused!(&forger, ACCESS_REFUSED, user, |channel| publish(
            &channel,
            "",
            &queue,
            b"forged",
            BasicProperties::default()
        ));
    }
    let worker = fixture.connect("worker").await;
    let worker = channel(&worker).await;
    let replied = publish(&worker, "", &queue, b"true", BasicProperties::default()).await;
    replied.expect("a worker replies");
    assert_eq!(next(&mut replies).await, b"true");
}

/// Conformance: Broker permissions and senders: A worker can do all its work and touches nothing
/// outside its namespace
#[tokio::test]
async fn a_worker_has_no_access_outside_its_namespace() {
    let fixture = Fixture::declared().await;
    let worker = fixture.connect("worker").await;
    // Namespaces and names that resemble those of this namespace.
    for name in [
        "till.v1",
        "tillxv1.usage",
        "till.v1.more.usage",
        "my.till.v1.usage",
        "till.v1.commands.0.usage",
        "till.v1.commands.x",
        "till.v1.reply.shop",
        "credits.usage",
    ] {
        refused!(&worker, ACCESS_REFUSED, name, |channel| channel
            .queue_declare(
                name.into(),
                QueueDeclareOptions::default(),
                FieldTable::default()
            ));
        refused!(&worker, ACCESS_REFUSED, name, |channel| channel
            .exchange_declare(
                name.into(),
                ExchangeKind::Direct,
                ExchangeDeclareOptions::default(),
                FieldTable::default()
            ));
    }
    let administrator = fixture.connect("scrip").await;
    let other = "credits.commands.0";
    let administrator = channel(&administrator).await;
    let declared = administrator.queue_declare(
        other.into(),
        QueueDeclareOptions::default(),
        FieldTable::default(),
    );
    declared.await.expect("an administrator may");
    refused!(&worker, ACCESS_REFUSED, other, |channel| channel
        .basic_get(other.into(), BasicGetOptions::default()));
    refused!(&worker, ACCESS_REFUSED, other, |channel| channel
        .queue_delete(other.into(), QueueDeleteOptions::default()));
    for exchange in STANDARD_EXCHANGES {
        refused!(&worker, ACCESS_REFUSED, exchange, |channel| publish(
            &channel,
            exchange,
            "0",
            b"{}",
            BasicProperties::default()
        ));
    }
}
