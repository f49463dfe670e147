//! Changes that no client notices.

use serde_json::json;

use super::{
    Edit::{Append, Remove, Set},
    check, compatible, parameter,
};

#[test]
fn a_change_that_clients_do_not_notice_is_compatible() {
    let field = json!({ "type": "string", "maxLength": 9 });
    let http = vec![
        compatible(
            "an endpoint is added",
            [Set(
                "/paths/~1v1~1new",
                json!({ "get": {
            "operationId": "new", "parameters": [parameter(true)],
            "responses": { "200": { "description": "Something." } },
        } }),
            )],
        ),
        compatible(
            "a parameter is added",
            [Append(
                "/paths/~1v1~1price/get/parameters",
                parameter(false),
            )],
        ),
        compatible(
            "an error is added",
            [Set(
                "/paths/~1v1~1price/get/responses/410",
                json!({ "$ref": "#/components/responses/NotFound" }),
            )],
        ),
        compatible(
            "a field is added that excludes another one",
            [
                Set(
                    "/components/schemas/Command.hold/properties/region",
                    field.clone(),
                ),
                Append(
                    "/components/schemas/Command.hold/not/anyOf",
                    json!({ "required": ["amount", "region"] }),
                ),
            ],
        ),
        compatible(
            "a limit is wider",
            [Set(
                "/components/schemas/Command.hold/properties/amount/maximum",
                json!(i64::MAX),
            )],
        ),
        compatible(
            "a required field is optional",
            [Remove("/components/schemas/Command.hold/required/0")],
        ),
        compatible(
            "a list of values becomes any text",
            [Set(
                "/components/schemas/Command.capture/properties/overrun",
                json!({
                "type": "string" }),
            )],
        ),
        compatible(
            "a value of a command is added",
            [Append(
                "/components/schemas/Command.capture/properties/late/enum",
                json!("ask"),
            )],
        ),
        compatible(
            "one of several fields is added",
            [
                Set(
                    "/components/schemas/Command.purchase/properties/offer",
                    field.clone(),
                ),
                Append(
                    "/components/schemas/Command.purchase/oneOf",
                    json!({ "required": ["offer"] }),
                ),
            ],
        ),
        compatible(
            "fields do not exclude each other any more",
            [Remove("/components/schemas/Command.hold/not")],
        ),
        compatible(
            "a field of a result is added",
            [
                Set("/components/schemas/PriceResult/properties/tax", field),
                Append("/components/schemas/PriceResult/required", json!("tax")),
            ],
        ),
        compatible(
            "a field of a result is always present",
            [Append(
                "/components/schemas/Outcome/required",
                json!("balance"),
            )],
        ),
        compatible(
            "a field of a result is never null",
            [Set(
                "/components/schemas/Outcome/properties/balance/type",
                json!("integer"),
            )],
        ),
        compatible(
            "a closed list of a result is shorter",
            [Remove(
                "/components/schemas/Outcome/properties/status/enum/1",
            )],
        ),
        compatible(
            "a code of a refusal is added",
            [Append(
                "/components/schemas/OutcomeError/properties/code/x-extensible-enum",
                json!("too_late"),
            )],
        ),
        compatible(
            "a text is described otherwise",
            [Set(
                "/components/schemas/Outcome/description",
                json!("What happened."),
            )],
        ),
    ];
    check(http);
    let amqp = vec![
        compatible(
            "a queue is added",
            [Set(
                "/x-topology/queues/credits.new",
                json!({ "durable": true, "arguments": {} }),
            )],
        ),
        compatible(
            "a command is accepted through another exchange, too",
            [Set(
                "/operations/funding.consume",
                json!({
                    "action": "send", "messages": [{ "$ref": "#/channels/usage/messages/consume" }],
                    "bindings": { "amqp": { "mandatory": true } },
                }),
            )],
        ),
        compatible(
            "a header is added",
            [Set(
                "/components/messages/consume/headers/properties/tracestate",
                json!({ "type": "string" }),
            )],
        ),
    ];
    check(amqp);
}
