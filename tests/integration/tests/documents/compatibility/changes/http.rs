//! Changes of the endpoints that break a client.

use serde_json::json;

use super::{
    Edit::{Append, Remove, Set},
    breaking, check, parameter,
};

#[test]
fn a_change_of_the_http_api_that_breaks_a_client_is_found() {
    let changes = vec![
        breaking(
            "an endpoint is removed",
            Remove("/paths/~1v1~1price"),
            "GET /v1/price: removed",
        ),
        breaking(
            "a parameter is removed",
            Remove("/paths/~1v1~1price/get/parameters/1"),
            "query.quantity: removed",
        ),
        breaking(
            "a parameter is required now",
            Set("/paths/~1v1~1price/get/parameters/1/required", json!(true)),
            "query.quantity: new rule required",
        ),
        breaking(
            "a new parameter is required",
            Append("/paths/~1v1~1price/get/parameters", parameter(true)),
            "query.region: new and required",
        ),
        breaking(
            "an endpoint without a token needs one",
            Remove("/paths/~1webhooks~1stripe/post/security"),
            "new rule token",
        ),
        breaking(
            "tokens are sent in another way",
            Set("/components/securitySchemes/token/scheme", json!("basic")),
            "fixed security scheme token",
        ),
        breaking(
            "an operation has another name",
            Set("/paths/~1v1~1price/get/operationId", json!("price")),
            "fixed GET /v1/price",
        ),
        breaking(
            "a body has another media type",
            Set(
                "/paths/~1v1~1commands/post/requestBody/content",
                json!({ "text/plain": {
                "schema": { "$ref": "#/components/schemas/Command" } } }),
            ),
            "new rule text/plain",
        ),
        breaking(
            "a success has another status",
            Set(
                "/paths/~1v1~1price/get/responses/204",
                json!({ "description": "Nothing." }),
            ),
            "may now be 204",
        ),
        breaking(
            "an error has no status of its own any more",
            Remove("/paths/~1v1~1price/get/responses/404"),
            "GET /v1/price 404: removed",
        ),
        breaking(
            "a header is removed",
            Remove("/paths/~1v1~1commands/post/responses/202/headers/Location"),
            "header.Location: removed",
        ),
        breaking(
            "a header may be absent",
            Set(
                "/paths/~1v1~1commands/post/responses/202/headers/Location/required",
                json!(false),
            ),
            "header.Location: no longer always",
        ),
    ];
    check(changes);
}
