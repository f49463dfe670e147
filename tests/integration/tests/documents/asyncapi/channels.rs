//! The channels: exchanges with routing keys, and queues.

use producer_sdk::contract::{
    Arg, BUCKETS, ExchangeKind, ExchangeSpec, Origin, QUERY_KEY, QueueSpec, Topology,
};
use serde_json::{Map, Value, json};

use super::{messages, routes, schema};

const VERSION: &str = "0.3.0";

/// The channels, by name.
pub fn all(topology: &Topology) -> Value {
    let commands = |origin: Origin| {
        let names = routes().filter(move |(one, _)| *one == origin);
        names.map(|(_, kind)| kind)
    };
    let queries = schema::queries::kinds();
    let query_messages = queries.iter().map(|kind| messages::query(kind));
    let answers = queries.iter().map(|kind| messages::answer(kind));
    let replies = [messages::OUTCOME, messages::QUERY_ERROR, messages::REJECTED];
    let dead = queue(topology, &topology.dead());
    json!({
        "usage": {
            "address": "{bucket}",
            "description": "Commands of apps.",
            "parameters": { "bucket": { "$ref": "#/components/parameters/bucket" } },
            "messages": references(commands(Origin::Usage)),
            "bindings": routing_key(&exchange(topology, &topology.usage())),
        },
        "funding": {
            "address": "{bucket}",
            "description": "Commands of payment bridges, back offices and support staff.",
            "parameters": { "bucket": { "$ref": "#/components/parameters/bucket" } },
            "messages": references(commands(Origin::Funding)),
            "bindings": routing_key(&exchange(topology, &topology.funding())),
        },
        "queries": {
            "address": QUERY_KEY,
            "description": "Queries. One that waited longer than `x-message-ttl` of the queue, in \
                            milliseconds, is dropped.",
            "messages": references(query_messages),
            "bindings": routing_key(&exchange(topology, &topology.queries())),
        },
        "replies": {
            "address": null,
            "title": "Reply queue",
            "description": "A queue of the client, named by `reply_to`: one that the broker names, \
                            as in the binding, `amq.rabbitmq.reply-to`, or another reply queue \
                            that the reference allows. Workers publish to it through the default \
                            exchange.",
            "messages": references(
                replies.into_iter().map(str::to_owned).chain(answers),
            ),
            "bindings": { "amqp": {
                "is": "queue",
                "queue": { "name": "", "durable": false, "exclusive": true, "autoDelete": true },
                "bindingVersion": VERSION,
            } },
        },
        "deadLetters": {
            "address": dead.name,
            "description": "Messages that cannot be applied, with the reason. For operators.",
            "messages": references([messages::DEAD_LETTER.to_owned()]),
            "bindings": { "amqp": {
                "is": "queue",
                "queue": { "name": dead.name, "durable": dead.durable, "exclusive": false,
                           "autoDelete": false },
                "bindingVersion": VERSION,
                "x-arguments": arguments(&dead.args),
            } },
        },
    })
}

/// The exchanges and queues with their arguments. RabbitMQ refuses to declare one with others. Two
/// queues are missing, because their arguments differ between installations.
pub fn topology(topology: &Topology) -> Value {
    let exchanges = topology.exchanges().into_iter().map(|exchange| {
        let arguments = arguments(&exchange.args);
        let description = json!({
            "type": kind(exchange.kind), "durable": true, "arguments": arguments,
        });
        (exchange.name, description)
    });
    let queues = topology.queues().into_iter().map(|queue| {
        let arguments = arguments(&queue.args);
        (
            queue.name,
            json!({ "durable": queue.durable, "arguments": arguments }),
        )
    });
    json!({
        "description": "One shard. Each shard has a queue like `credits.commands.0`. The queues \
                        `credits.ledger` and `credits.retained`, which no app uses, are not \
                        listed.",
        "exchanges": exchanges.collect::<Map<_, _>>(),
        "queues": queues.collect::<Map<_, _>>(),
    })
}

/// The routing key of a command.
pub fn bucket() -> Value {
    let buckets: Vec<String> = (0..BUCKETS).map(|bucket| bucket.to_string()).collect();
    json!({
        "description": format!(
            "The bucket of the user: `crc32(userId as UTF-8) mod {BUCKETS}`, in decimal."
        ),
        "enum": buckets,
    })
}

fn references(names: impl IntoIterator<Item = String>) -> Value {
    let references = names.into_iter().map(|name| {
        let reference = json!({ "$ref": format!("#/components/messages/{name}") });
        (name, reference)
    });
    references.collect::<Map<_, _>>().into()
}

fn exchange(topology: &Topology, name: &str) -> ExchangeSpec {
    let mut exchanges = topology.exchanges().into_iter();
    exchanges
        .find(|exchange| exchange.name == name)
        .expect("an exchange")
}

fn queue(topology: &Topology, name: &str) -> QueueSpec {
    let mut queues = topology.queues().into_iter();
    queues.find(|queue| queue.name == name).expect("a queue")
}

fn routing_key(exchange: &ExchangeSpec) -> Value {
    json!({ "amqp": {
        "is": "routingKey",
        "exchange": {
            "name": exchange.name, "type": kind(exchange.kind), "durable": true,
            "autoDelete": false,
        },
        "bindingVersion": VERSION,
        "x-arguments": arguments(&exchange.args),
    } })
}

fn kind(kind: ExchangeKind) -> &'static str {
    match kind {
        ExchangeKind::Direct => "direct",
        ExchangeKind::Fanout => "fanout",
        other => panic!("name the exchange type {other:?}"),
    }
}

fn arguments(arguments: &[(String, Arg)]) -> Map<String, Value> {
    let value = |argument: &Arg| match argument {
        Arg::Str(text) => json!(text),
        Arg::Int(number) => json!(number),
        Arg::Bool(truth) => json!(truth),
    };
    let arguments = arguments.iter();
    arguments
        .map(|(name, argument)| (name.clone(), value(argument)))
        .collect()
}
