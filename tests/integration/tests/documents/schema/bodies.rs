//! What the decoder accepts, found by bodies that it rejects: the fields of a type, which of them
//! it needs, and which of them exclude each other.

use std::collections::BTreeSet;

use producer_sdk::contract::{Rejection, RejectionCode};
use serde_json::{Map, Value, json};

/// The bodies of one type of command or query.
pub struct Bodies {
    /// The fields that every body has, such as its `type`.
    pub fixed: Map<String, Value>,
    /// The fields of which a body has exactly one.
    pub alternatives: &'static [&'static str],
    /// Reads a body.
    pub decode: fn(&[u8]) -> Result<(), Rejection>,
    /// A value of a field that the decoder accepts.
    pub sample: fn(&str) -> Value,
}

impl Bodies {
    /// The fields that the decoder lists when it rejects an unknown one.
    pub fn allowed(&self) -> Vec<String> {
        let mut body = self.fixed.clone();
        body.insert("?".to_owned(), json!(1));
        let rejection = self.rejection(&body).expect("an unknown field");
        assert_eq!(rejection.code, RejectionCode::UnknownField, "{rejection}");
        let list = rejection.message.split_once("allowed are ");
        let (_, list) = list.expect("a list");
        let names = list.split(", ").map(|name| name.trim_matches('`'));
        names.map(str::to_owned).collect()
    }

    /// The fields that the decoder misses one after the other, without the alternatives.
    pub fn required(&self) -> BTreeSet<String> {
        let mut required: BTreeSet<String> = self.fixed.keys().cloned().collect();
        let body = self.smallest(self.alternatives.first().copied());
        let found = body.into_iter().map(|(name, _)| name);
        required.extend(found.filter(|name| !self.alternatives.contains(&name.as_str())));
        required
    }

    /// The smallest body that the decoder accepts, with this alternative.
    pub fn smallest(&self, alternative: Option<&str>) -> Map<String, Value> {
        let mut body = self.fixed.clone();
        body.extend(alternative.map(|name| (name.to_owned(), (self.sample)(name))));
        while let Some(rejection) = self.rejection(&body) {
            let code = rejection.code;
            assert_eq!(code, RejectionCode::MissingField, "{body:?}: {rejection}");
            let field = rejection.field.expect("a field");
            let value = (self.sample)(&field);
            body.insert(field, value);
        }
        body
    }

    /// The pairs of optional fields that no body may have together.
    pub fn exclusive(&self) -> Vec<[String; 2]> {
        let (allowed, required) = (self.allowed(), self.required());
        let optional: Vec<&String> = allowed.iter().filter(|f| !required.contains(*f)).collect();
        let mut pairs = Vec::new();
        for (index, first) in optional.iter().enumerate() {
            assert!(self.accepts(&[first]), "a sample of `{first}`");
            for second in &optional[index + 1..] {
                let are_alternatives = [first, second]
                    .iter()
                    .all(|field| self.alternatives.contains(&field.as_str()));
                if !are_alternatives && !self.accepts(&[first, second]) {
                    pairs.push([(*first).clone(), (*second).clone()]);
                }
            }
        }
        pairs
    }

    /// Whether the decoder accepts a body that has these fields, with one of the alternatives.
    fn accepts(&self, fields: &[&str]) -> bool {
        let is_given = |name: &&&str| fields.contains(*name);
        let mut alternatives: Vec<Option<&str>> = self
            .alternatives
            .iter()
            .filter(is_given)
            .map(|name| Some(*name))
            .collect();
        if alternatives.is_empty() {
            alternatives.extend(self.alternatives.iter().map(|name| Some(*name)));
        }
        if alternatives.is_empty() {
            alternatives.push(None);
        }
        alternatives.into_iter().any(|alternative| {
            let mut body = self.smallest(alternative);
            body.extend(
                fields
                    .iter()
                    .map(|name| ((*name).to_owned(), (self.sample)(name))),
            );
            let rejection = self.rejection(&body);
            if let Some(rejection) = &rejection {
                let is_pair = rejection.message.contains("cannot be used with");
                assert!(is_pair, "{body:?}: {rejection}");
            }
            rejection.is_none()
        })
    }

    fn rejection(&self, body: &Map<String, Value>) -> Option<Rejection> {
        let body = Value::Object(body.clone()).to_string();
        (self.decode)(body.as_bytes()).err()
    }
}

/// The schema of an object with these fields. `forbidden` are schemas that no body fulfils.
pub fn schema(
    bodies: &Bodies,
    mut forbidden: Vec<Value>,
    property: impl Fn(&str) -> Value,
) -> Value {
    let allowed = bodies.allowed();
    let properties: Map<String, Value> = allowed
        .iter()
        .map(|name| (name.clone(), property(name)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "required": bodies.required(),
        "properties": properties,
        "additionalProperties": false,
    });
    if !bodies.alternatives.is_empty() {
        let alternatives = bodies.alternatives.iter();
        schema["oneOf"] = alternatives
            .map(|field| json!({ "required": [field] }))
            .collect();
    }
    let pairs = bodies.exclusive().into_iter();
    forbidden.extend(pairs.map(|pair| json!({ "required": pair })));
    if !forbidden.is_empty() {
        schema["not"] = json!({ "anyOf": forbidden });
    }
    schema
}
