//! Changes of the schemas that break a client.

use serde_json::json;

use super::{
    Edit::{Append, Remove, Set},
    breaking, check,
};

#[test]
fn a_change_of_a_schema_that_breaks_a_client_is_found() {
    let changes = vec![
        breaking(
            "a field of a command is removed",
            Remove("/components/schemas/Command.consume/properties/quantity"),
            "Command.consume.quantity: removed",
        ),
        breaking(
            "a field of a command is required now",
            Append(
                "/components/schemas/Command.consume/required",
                json!("quantity"),
            ),
            "Command.consume.quantity: new rule required",
        ),
        breaking(
            "a field of a command has another type",
            Set(
                "/components/schemas/Command.consume/properties/amount/type",
                json!("string"),
            ),
            "Command.consume.amount: no longer integer",
        ),
        breaking(
            "a limit is narrower",
            Set(
                "/components/schemas/Command.consume/properties/amount/maximum",
                json!(10),
            ),
            "Command.consume.amount: new rule number <= 10",
        ),
        breaking(
            "a text must have another form",
            Set(
                "/components/schemas/Command.consume/properties/userId/pattern",
                json!("^u"),
            ),
            "Command.consume.userId: new rule pattern ^u",
        ),
        breaking(
            "a value of a command is removed",
            Remove("/components/schemas/Command.capture/properties/overrun/enum/0"),
            "Command.capture.overrun: no longer",
        ),
        breaking(
            "one of several fields is removed",
            Remove("/components/schemas/Command.purchase/oneOf/2"),
            "new rule exactly one of packageId or priceId",
        ),
        breaking(
            "one of several fields needs another one",
            Set(
                "/components/schemas/Command.purchase/oneOf/2/required",
                json!(["credits", "metadata"]),
            ),
            "Command.purchase: new rule unknown oneOf",
        ),
        breaking(
            "one of several fields needs a constant beside it",
            Set(
                "/components/schemas/Command.purchase/oneOf/2/properties",
                json!({ "purchaseLine": { "const": "1" } }),
            ),
            "Command.purchase: new rule unknown oneOf",
        ),
        breaking(
            "a condition requires one more field",
            Append(
                "/components/schemas/Command.grant/not/anyOf/2/not/required",
                json!("metadata"),
            ),
            "Command.grant: new rule unknown not",
        ),
        breaking(
            "a result may be anything",
            Append(
                "/components/schemas/Outcome/properties/error/anyOf",
                json!({ "description": "Anything." }),
            ),
            "Outcome.error: may now be unknown anyOf",
        ),
        breaking(
            "two fields exclude each other now",
            Append(
                "/components/schemas/Command.hold/not/anyOf",
                json!({ "required": ["description", "metadata"] }),
            ),
            "new rule description excludes metadata",
        ),
        breaking(
            "a command is removed",
            Remove("/components/schemas/Command/oneOf/0"),
            "Command: no longer Command.consume",
        ),
        breaking(
            "a field of a result is removed",
            Remove("/components/schemas/PriceResult/properties/credits"),
            "response PriceResult.credits: removed",
        ),
        breaking(
            "a field of a result may be absent",
            Set(
                "/components/schemas/PriceResult/required",
                json!(["service"]),
            ),
            "response PriceResult.credits: no longer always",
        ),
        breaking(
            "a field of a result may be null",
            Set(
                "/components/schemas/PriceResult/properties/credits/type",
                json!(["integer", "null"]),
            ),
            "response PriceResult.credits: may now be null",
        ),
        breaking(
            "a closed list of a result has a new value",
            Append(
                "/components/schemas/Outcome/properties/status/enum",
                json!("pending"),
            ),
            "response Outcome.status: may now be \"pending\"",
        ),
        breaking(
            "a text of a result has no format any more",
            Remove("/components/schemas/BatchItem/properties/id/format"),
            "response BatchItem.id: no longer format uuid",
        ),
        breaking(
            "a code of a refusal is removed",
            Remove("/components/schemas/OutcomeError/properties/code/x-extensible-enum/0"),
            "response OutcomeError.code: no longer knows",
        ),
    ];
    check(changes);
}
