//! The JSON Schemas of bodies, which the OpenAPI and the AsyncAPI document share: outcomes and
//! results from the types of the SDK, commands and queries from its decoder.

mod bodies;
pub mod commands;
mod fields;
pub mod queries;

use std::collections::BTreeMap;

use ledger::Refusal;
use producer_sdk::contract::{Kind, Origin, RejectionCode};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use strum::VariantArray;

pub use fields::{cursor, id, known_id, traceparent};

/// Where both documents have their schemas.
pub const SCHEMAS: &str = "#/components/schemas";
/// The names that a server may send, of a list to which it may add.
const OPEN_LIST: &str = "x-extensible-enum";

/// A generator of the schemas of types of the SDK.
pub fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator()
}

/// The schemas of the types that were referred to, and of all commands.
pub fn components(mut generator: SchemaGenerator) -> Map<String, Value> {
    let mut schemas = generator.take_definitions(true);
    let status = &mut schemas["Outcome"]["properties"]["status"];
    status["enum"] = json!(["completed", "failed"]);
    let code = &mut schemas["OutcomeError"]["properties"]["code"];
    let refusals = Refusal::VARIANTS.iter().map(|refusal| refusal.as_str());
    code[OPEN_LIST] = refusals.collect();
    if let Some(rejection) = schemas.get_mut("Rejection") {
        let codes = RejectionCode::VARIANTS.iter();
        let codes = codes.filter(|code| **code != RejectionCode::Unknown);
        rejection["properties"]["code"][OPEN_LIST] = codes.map(|code| code.as_str()).collect();
    }
    for kind in public_kinds() {
        schemas.insert(commands::name(kind), commands::schema(kind));
    }
    schemas
}

/// The commands that apps and bridges send.
pub fn public_kinds() -> impl Iterator<Item = Kind> {
    let kinds = Kind::VARIANTS.iter().copied();
    kinds.filter(|kind| !kind.is_internal())
}

/// A reference to the schema of a type of the SDK.
pub fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// A reference to a schema, by its name.
pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}/{name}") })
}

/// An object with these properties, of which some are required.
pub fn object<'a>(
    required: &[&str],
    properties: impl IntoIterator<Item = (&'a str, Value)>,
) -> Value {
    let properties: BTreeMap<&str, Value> = properties.into_iter().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

pub fn text() -> Value {
    json!({ "type": "string" })
}

/// One of a closed list of names.
pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": names.into_iter().collect::<Vec<_>>() })
}

/// An origin through which apps and bridges send.
pub fn origin() -> Value {
    names([Origin::Usage, Origin::Funding].map(Origin::as_str))
}
