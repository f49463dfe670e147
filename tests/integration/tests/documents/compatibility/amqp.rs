//! The facts of the AsyncAPI document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{Collector, Facts};

/// The facts of the channels, operations and messages, and of the schemas that they use.
pub fn facts(document: &Value) -> BTreeMap<String, Facts> {
    let mut subjects = BTreeMap::new();
    for (name, channel) in object(&document["channels"]) {
        let facts = Facts::new(channel_facts(document, channel), None::<String>);
        subjects.insert(format!("fixed channel {name}"), facts);
    }
    for (kind, list) in [
        ("reply address", "replyAddresses"),
        ("correlation id", "correlationIds"),
    ] {
        for (name, described) in object(&document["components"][list]) {
            let location = format!("location {}", described["location"]);
            let facts = Facts::new([location], None::<String>);
            subjects.insert(format!("fixed {kind} {name}"), facts);
        }
    }
    for kind in ["exchange", "queue"] {
        for (name, declared) in object(&document["x-topology"][format!("{kind}s")]) {
            let facts = Facts::new(pairs(declared), None::<String>);
            subjects.insert(format!("fixed {kind} {name}"), facts);
        }
    }
    let collector = |direction| Collector {
        schemas: &document["components"]["schemas"],
        direction,
        subjects: BTreeMap::new(),
    };
    let (mut request, mut response) = (collector("request"), collector("response"));
    let messages = &document["components"]["messages"];
    for (name, operation) in object(&document["operations"]) {
        let bindings = pairs(&operation["bindings"]["amqp"]);
        let reply = resolve(document, &operation["reply"]);
        let facts = Facts::new(operation_facts(operation, reply), None::<String>);
        subjects.insert(format!("fixed operation {name}"), facts);
        let sent = message_names(document, &operation["messages"]);
        let replies = message_names(document, &reply["messages"]);
        let direction = match operation["action"].as_str() {
            Some("send") => &mut request,
            _ => &mut response,
        };
        let subject = format!("{} operation {name}", direction.direction);
        direction
            .subjects
            .insert(subject, Facts::new(sent.clone(), bindings));
        for message in sent {
            add_message(direction, &message, &messages[&message]);
        }
        if !replies.is_empty() {
            let facts = Facts::new(replies.clone(), None::<String>);
            response
                .subjects
                .insert(format!("response operation {name}"), facts);
        }
        for message in replies {
            add_message(&mut response, &message, &messages[&message]);
        }
    }
    subjects.extend(request.subjects);
    subjects.extend(response.subjects);
    subjects
}

/// Adds a message, unless another operation has it, too.
fn add_message(collector: &mut Collector<'_>, name: &str, message: &Value) {
    let subject = format!("{} message {name}", collector.direction);
    if collector.subjects.contains_key(&subject) {
        return;
    }
    let media_type = message["contentType"].as_str();
    collector.add(
        &format!("message {name}"),
        &message["payload"],
        media_type.as_slice(),
    );
    for (part, label) in [("headers", "headers"), ("x-amqp-properties", "properties")] {
        if let Some(schema) = message.get(part) {
            collector.add(&format!("message {name} {label}"), schema, &[]);
        }
    }
}

/// The address, and the exchange or queue of a channel.
fn channel_facts(document: &Value, channel: &Value) -> Vec<String> {
    let binding = &channel["bindings"]["amqp"];
    let mut facts = vec![format!("address {}", channel["address"])];
    facts.extend(pairs(&binding["exchange"]));
    facts.extend(pairs(&binding["queue"]));
    for (name, parameter) in object(&channel["parameters"]) {
        let values = resolve(document, parameter)["enum"]
            .as_array()
            .expect("a list");
        let (first, last) = (&values[0], &values[values.len() - 1]);
        let count = values.len();
        facts.push(format!("{name} {count} values from {first} to {last}"));
    }
    facts
}

/// The action and the channel of an operation, and where its replies are sent.
fn operation_facts(operation: &Value, reply: &Value) -> Vec<String> {
    let referred = [
        ("channel", &operation["channel"]),
        ("reply channel", &reply["channel"]),
        ("reply address", &reply["address"]),
    ];
    let referred = referred.into_iter().filter_map(|(what, part)| {
        let name = reference_name(part)?;
        Some(format!("{what} {name}"))
    });
    let action = format!("action {}", operation["action"]);
    std::iter::once(action).chain(referred).collect()
}

/// The members of an object as texts; those of objects in it, too.
fn pairs(value: &Value) -> Vec<String> {
    let members = object(value).filter(|(name, _)| *name != "bindingVersion");
    let texts = members.flat_map(|(name, value)| match value {
        Value::Object(_) => pairs(value),
        _ => vec![format!("{name} {value}")],
    });
    texts.collect()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A part of the document, or what it refers to.
fn resolve<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(reference) => {
            let place = reference.trim_start_matches('#');
            document.pointer(place).expect("what it refers to")
        }
        None => part,
    }
}

/// The names of messages. An operation refers to a message of its channel, which refers to a
/// message of the document.
fn message_names(document: &Value, list: &Value) -> Vec<String> {
    let references = list.as_array().into_iter().flatten();
    let name = |reference| {
        let message = resolve(document, reference);
        reference_name(message).expect("a reference to a message")
    };
    references.map(name).collect()
}

/// The name at the end of a reference. `None`: the part is not a reference.
fn reference_name(part: &Value) -> Option<String> {
    let name = part["$ref"].as_str()?.rsplit('/').next()?;
    Some(name.to_owned())
}
