//! Changes of the messages on RabbitMQ that break a client.

use serde_json::json;

use super::{
    Edit::{Append, Remove, Set},
    breaking, check,
};

#[test]
fn a_change_of_the_messages_that_breaks_a_client_is_found() {
    let changes = vec![
        breaking(
            "a command is not accepted through an exchange any more",
            Remove("/operations/funding.hold"),
            "operation funding.hold: removed",
        ),
        breaking(
            "a command is sent through another channel",
            Set(
                "/operations/usage.consume/channel/$ref",
                json!("#/channels/funding"),
            ),
            "fixed operation usage.consume",
        ),
        breaking(
            "replies go to another channel",
            Set(
                "/components/replies/command/channel/$ref",
                json!("#/channels/deadLetters"),
            ),
            "fixed operation usage.consume",
        ),
        breaking(
            "replies have no address",
            Remove("/components/replies/command/address"),
            "fixed operation usage.consume",
        ),
        breaking(
            "another property names the reply queue",
            Set(
                "/components/replyAddresses/property/location",
                json!("$message.header#/reply"),
            ),
            "fixed reply address property",
        ),
        breaking(
            "another property relates a reply to its request",
            Set(
                "/components/correlationIds/property/location",
                json!("$message.header#/message_id"),
            ),
            "fixed correlation id property",
        ),
        breaking(
            "a channel has another message under the same name",
            Set(
                "/channels/usage/messages/consume/$ref",
                json!("#/components/messages/hold"),
            ),
            "request operation usage.consume: no longer consume",
        ),
        breaking(
            "an exchange has another name",
            Set(
                "/channels/usage/bindings/amqp/exchange/name",
                json!("credits.apps"),
            ),
            "fixed channel usage",
        ),
        breaking(
            "queries have another routing key",
            Set("/channels/queries/address", json!("queries")),
            "fixed channel queries",
        ),
        breaking(
            "there are fewer buckets",
            Remove("/components/parameters/bucket/enum/63"),
            "fixed channel usage",
        ),
        breaking(
            "a bucket in the middle is removed",
            Remove("/components/parameters/bucket/enum/31"),
            "fixed channel usage",
        ),
        breaking(
            "a queue has another argument",
            Set(
                "/x-topology/queues/credits.dead/arguments/x-delivery-limit",
                json!(7),
            ),
            "fixed queue credits.dead",
        ),
        breaking(
            "a queue has one argument more",
            Set(
                "/x-topology/queues/credits.dead/arguments/x-max-length",
                json!(7),
            ),
            "fixed queue credits.dead",
        ),
        breaking(
            "a property is required now",
            Set(
                "/components/schemas/Properties.command/required",
                json!(["user_id"]),
            ),
            "request Properties.command.user_id: new rule required",
        ),
        breaking(
            "a header of dead letters is removed",
            Remove("/components/messages/deadLetter/headers/properties/x-scrip-reason"),
            "message deadLetter headers.x-scrip-reason: removed",
        ),
        breaking(
            "a command has another kind of reply",
            Append(
                "/components/replies/command/messages",
                json!({ "$ref": "#/channels/replies/messages/queryError" }),
            ),
            "response operation usage.consume: may now be queryError",
        ),
        breaking(
            "a field of a query is removed",
            Remove("/components/schemas/Query.transactions/properties/cursor"),
            "request Query.transactions.cursor: removed",
        ),
    ];
    check(changes);
}
