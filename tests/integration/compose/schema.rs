//! Checks a JSON value against a JSON schema (draft 2020-12). It supports only the keywords of the
//! Compose schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords without any restriction.
const SILENT: [&str; 7] = [
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "default",
    "deprecated",
];
/// Keywords about the fields of an object. The function `fields` checks all of them.
const OF_FIELDS: [&str; 4] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
];

/// The result of a check.
#[derive(Default)]
struct Verdict {
    /// The violations, each with its position in the value.
    errors: Vec<String>,
    /// The fields of the value that some part of the schema describes.
    described: BTreeSet<String>,
}

/// Every violation of `schema` in `value`, with its position and its reason.
pub fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = check(schema, schema, value, "").errors;
    errors.sort();
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let keywords = match schema {
        Value::Object(keywords) => keywords,
        Value::Bool(true) => return verdict,
        _ => {
            verdict.errors.push(format!("{at}: is not allowed"));
            return verdict;
        }
    };
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let target = text(wanted).trim_start_matches('#');
                let target = root
                    .pointer(target)
                    .unwrap_or_else(|| panic!("no {target} in the schema"));
                verdict.also(check(root, target, value, at));
            }
            "allOf" => list(wanted)
                .iter()
                .for_each(|part| verdict.also(check(root, part, value, at))),
            "oneOf" | "anyOf" => verdict.also(one_of(root, keyword, list(wanted), value, at)),
            "type" => verdict.expect(has_type(wanted, value), at, || {
                format!("{value} is not of type {wanted}")
            }),
            "enum" => {
                verdict.expect(list(wanted).contains(value), at, || {
                    format!("{value} is not one of {wanted}")
                });
            }
            "minimum" | "maximum" => {
                let fits = value.as_f64().is_none_or(|number| {
                    let limit = wanted.as_f64().expect("a limit is a number");
                    if keyword == "minimum" {
                        number >= limit
                    } else {
                        number <= limit
                    }
                });
                verdict.expect(fits, at, || {
                    format!("{value} is beyond the {keyword} {wanted}")
                });
            }
            "pattern" => {
                let fits = value
                    .as_str()
                    .is_none_or(|value| matches(text(wanted), value));
                verdict.expect(fits, at, || format!("{value} does not match {wanted}"));
            }
            "uniqueItems" => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let unique = items
                    .iter()
                    .enumerate()
                    .all(|(i, item)| !items[..i].contains(item));
                verdict.expect(unique, at, || "has an item twice".to_owned());
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    verdict
                        .errors
                        .extend(check(root, wanted, item, &format!("{at}/{index}")).errors);
                }
            }
            "required" => {
                for field in list(wanted) {
                    let there = value
                        .as_object()
                        .is_none_or(|fields| fields.contains_key(text(field)));
                    verdict.expect(there, at, || format!("{field} is missing"));
                }
            }
            silent if SILENT.contains(&silent) || OF_FIELDS.contains(&silent) => {}
            unknown => panic!("the schema uses `{unknown}`, which this checker does not know"),
        }
    }
    if let Value::Object(value) = value {
        fields(root, keywords, value, at, &mut verdict);
    }
    verdict
}

/// Checks `oneOf` and `anyOf`: exactly one, or at least one, of the choices must fit.
fn one_of(root: &Value, keyword: &str, choices: &[Value], value: &Value, at: &str) -> Verdict {
    let (fitting, failing): (Vec<Verdict>, Vec<Verdict>) = choices
        .iter()
        .map(|choice| check(root, choice, value, at))
        .partition(|verdict| verdict.errors.is_empty());
    let mut verdict = Verdict::default();
    if fitting.is_empty() {
        let reasons: Vec<String> = failing
            .into_iter()
            .map(|verdict| verdict.errors.join(", "))
            .collect();
        verdict
            .errors
            .push(format!("{at}: fits no choice: {}", reasons.join("; ")));
    } else if keyword == "oneOf" {
        verdict.expect(fitting.len() == 1, at, || {
            format!("fits {} choices instead of one", fitting.len())
        });
    }
    for fitting in fitting {
        verdict.also(fitting);
    }
    verdict
}

fn fields(
    root: &Value,
    keywords: &Map<String, Value>,
    value: &Map<String, Value>,
    at: &str,
    verdict: &mut Verdict,
) {
    let object = |keyword| keywords.get(keyword).and_then(Value::as_object);
    for (name, field) in value {
        let at = format!("{at}/{name}");
        let exact = object("properties").and_then(|named| named.get(name));
        let by_pattern = object("patternProperties").into_iter().flatten();
        let by_pattern = by_pattern
            .filter(|(pattern, _)| matches(pattern, name))
            .map(|(_, schema)| schema);
        let mut schemas: Vec<&Value> = exact.into_iter().chain(by_pattern).collect();
        if schemas.is_empty() {
            schemas.extend(keywords.get("additionalProperties"));
        }
        if schemas.is_empty() && !verdict.described.contains(name) {
            schemas.extend(keywords.get("unevaluatedProperties"));
        }
        for schema in schemas {
            verdict.described.insert(name.clone());
            verdict
                .errors
                .extend(check(root, schema, field, &at).errors);
        }
    }
}

impl Verdict {
    fn also(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.described.extend(other.described);
    }

    fn expect(&mut self, holds: bool, at: &str, why: impl FnOnce() -> String) {
        if !holds {
            self.errors.push(format!("{at}: {}", why()));
        }
    }
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    if let Value::Array(choices) = wanted {
        return choices.iter().any(|choice| has_type(choice, value));
    }
    match text(wanted) {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        unknown => panic!("the schema uses the type `{unknown}`, which this checker does not know"),
    }
}

/// The regular expressions of the schema, implemented by hand.
fn matches(pattern: &str, text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match pattern {
        "^x-" => text.starts_with("x-"),
        ".+" | "^.+$" => !text.is_empty(),
        "^[a-z]+$" => !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase()),
        "^[a-zA-Z0-9._-]+$" => !text.is_empty() && text.chars().all(name),
        unknown => {
            panic!("the schema uses the pattern `{unknown}`, which this checker does not know")
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the schema has a string here")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("the schema has a list here")
}
