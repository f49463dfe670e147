//! The schemas of queries and of their answers.

use producer_sdk::contract::{
    BalanceResult, BatchesResult, CanPurchaseResult, HoldsResult, MAX_PAGE_SIZE, MAX_PAGED_ROWS,
    PackagesResult, PriceResult, Query, QuoteResult, TransactionsResult,
};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::{
    bodies::{self, Bodies},
    cursor, fields, known_id, object, reference,
};

/// The names of the queries, as the decoder lists them when it rejects an unknown one.
pub fn kinds() -> Vec<String> {
    let rejection = Query::from_json(br#"{"type":"?"}"#).expect_err("an unknown type");
    let list = rejection.message.split_once("one of ");
    let (list, _) = list
        .and_then(|(_, list)| list.split_once(", got"))
        .expect("a list");
    let names = list.split(", ").map(|name| name.trim_matches('"'));
    names.map(str::to_owned).collect()
}

/// The name of the schema of a query.
pub fn name(kind: &str) -> String {
    format!("Query.{kind}")
}

/// The schema of the bodies of a query.
pub fn schema(kind: &str) -> Value {
    let mut fixed = serde_json::Map::new();
    fixed.insert("type".to_owned(), kind.into());
    let bodies = Bodies {
        fixed,
        alternatives: &[],
        decode: |body| Query::from_json(body).map(drop),
        sample: fields::sample,
    };
    bodies::schema(&bodies, Vec::new(), |field| match field {
        "type" => json!({ "const": kind }),
        "pageIndex" => page_index(),
        "pageSize" => page_size(),
        "all" => json!({ "type": "boolean" }),
        "cursor" => cursor(),
        _ => fields::common(field).unwrap_or_else(known_id),
    })
}

/// The number of a page: pages by number reach the first rows only.
pub fn page_index() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": MAX_PAGED_ROWS - 1 })
}

pub fn page_size() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE })
}

/// The schema of the result of a query.
pub fn result(generator: &mut SchemaGenerator, kind: &str) -> Value {
    match kind {
        "balance" => reference::<BalanceResult>(generator),
        "transactions" => reference::<TransactionsResult>(generator),
        "batches" => reference::<BatchesResult>(generator),
        "holds" => reference::<HoldsResult>(generator),
        "quote" => reference::<QuoteResult>(generator),
        "price" => reference::<PriceResult>(generator),
        "packages" => reference::<PackagesResult>(generator),
        "canPurchase" => reference::<CanPurchaseResult>(generator),
        _ => panic!("name the result of the query {kind}"),
    }
}

/// The schema of the answer with the result of a query.
pub fn answer(generator: &mut SchemaGenerator, kind: &str) -> Value {
    object(
        &["type", "status", "result"],
        [
            ("type", json!({ "const": kind })),
            ("status", json!({ "const": "ok" })),
            ("result", result(generator, kind)),
        ],
    )
}
