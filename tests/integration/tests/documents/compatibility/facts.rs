//! The facts of JSON Schemas: values and rules of each field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Keywords that describe and do not narrow.
const ANNOTATIONS: [&str; 3] = ["default", "description", "title"];
/// Keywords that limit a number, with the rule that they become.
const LIMITS: [(&str, &str); 7] = [
    ("maxItems", "items <="),
    ("maxLength", "length <="),
    ("maxProperties", "properties <="),
    ("maximum", "number <="),
    ("minItems", "items >="),
    ("minLength", "length >="),
    ("minimum", "number >="),
];

/// What is known of one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What may occur: types, constants in JSON, or names of schemas.
    pub values: BTreeSet<String>,
    /// What narrows the values.
    pub rules: BTreeSet<String>,
}

impl Facts {
    /// A subject with these values and rules.
    pub fn new<V: Into<String>, R: Into<String>>(
        values: impl IntoIterator<Item = V>,
        rules: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            values: values.into_iter().map(Into::into).collect(),
            rules: rules.into_iter().map(Into::into).collect(),
        }
    }

    /// Adds a form of schema that is not understood. It is both value and rule, so that a client
    /// that sends and one that receives are compared with it.
    fn add_unknown(&mut self, keyword: &str, form: &Value) {
        let fact = unknown(keyword, form);
        self.values.insert(fact.clone());
        self.rules.insert(fact);
    }

    /// Whether a value may occur, also as one of a wider type.
    pub fn covers(&self, value: &str) -> bool {
        let kind = match serde_json::from_str::<Value>(value) {
            Ok(Value::String(_)) => "string",
            Ok(Value::Bool(_)) => "boolean",
            Ok(Value::Number(_)) => "integer",
            _ => value,
        };
        let has = |one: &str| self.values.contains(one);
        has(value) || has(kind) || has("any") || (kind == "integer" && has("number"))
    }

    /// Whether the rules say at least as much as `rule`.
    pub fn implies(&self, rule: &str) -> bool {
        self.rules.contains(rule)
            || self
                .rules
                .iter()
                .any(|own| is_tighter(own, rule) || is_narrower(own, rule))
    }
}

/// Whether a limit is within another one of the same kind.
fn is_tighter(own: &str, other: &str) -> bool {
    let limit = |rule: &str| {
        let (what, number) = rule.rsplit_once(' ')?;
        let number: i64 = number.parse().ok()?;
        Some((what.to_owned(), number))
    };
    let (Some((own, here)), Some((other, there))) = (limit(own), limit(other)) else {
        return false;
    };
    own == other && (own.ends_with("<=") && here <= there || own.ends_with(">=") && here >= there)
}

/// Whether a choice of fields is a part of another one.
fn is_narrower(own: &str, other: &str) -> bool {
    let fields = |rule: &str| {
        let fields = rule.strip_prefix("exactly one of ")?.split(" or ");
        Some(fields.map(str::to_owned).collect::<BTreeSet<_>>())
    };
    let (Some(own), Some(other)) = (fields(own), fields(other)) else {
        return false;
    };
    own.is_subset(&other)
}

/// Collects the facts of schemas, and of the schemas that they refer to.
pub struct Collector<'a> {
    /// The named schemas of the document.
    pub schemas: &'a Value,
    /// `request` or `response`.
    pub direction: &'static str,
    pub subjects: BTreeMap<String, Facts>,
}

impl Collector<'_> {
    /// Adds a schema under a subject. `rules` are rules that the schema does not have itself.
    pub fn add(&mut self, subject: &str, schema: &Value, rules: &[&str]) {
        let subject = format!("{} {subject}", self.direction);
        let mut facts = Facts::new(Vec::<String>::new(), rules.iter().copied());
        self.collect(&subject, schema, &mut facts);
        self.subjects.insert(subject, facts);
    }

    fn collect(&mut self, subject: &str, schema: &Value, facts: &mut Facts) {
        let Value::Object(schema) = schema else {
            assert_eq!(schema, true, "{subject}: a schema");
            facts.values.insert("any".to_owned());
            return;
        };
        let before = facts.values.len();
        for (keyword, value) in schema {
            self.keyword(subject, schema, (keyword, value), facts);
        }
        if facts.values.len() == before {
            facts.values.insert("any".to_owned());
        }
    }

    fn keyword(
        &mut self,
        subject: &str,
        schema: &Map<String, Value>,
        (keyword, value): (&str, &Value),
        facts: &mut Facts,
    ) {
        let is_list = schema.contains_key("enum") || schema.contains_key("const");
        match keyword {
            "$ref" => {
                facts.values.insert(self.named(value));
            }
            "const" => drop(facts.values.insert(value.to_string())),
            "enum" => facts
                .values
                .extend(list(value).iter().map(Value::to_string)),
            "type" if is_list => {}
            "type" => {
                let one = std::slice::from_ref(value);
                let types = value.as_array().map_or(one, Vec::as_slice);
                facts.values.extend(types.iter().map(text));
            }
            "format" | "pattern" => drop(facts.rules.insert(format!("{keyword} {}", text(value)))),
            "x-extensible-enum" => {
                let names = list(value).iter();
                facts
                    .rules
                    .extend(names.map(|name| format!("knows {name}")));
            }
            "additionalProperties" => {
                assert_eq!(value, false, "{subject}: `{keyword}`");
                facts.rules.insert("closed".to_owned());
            }
            "properties" => {
                let needed = schema.get("required").map_or(&[][..], list);
                for (name, property) in value.as_object().expect("properties") {
                    self.property(subject, name, property, needed);
                }
            }
            "required" => {}
            "items" => self.child(&format!("{subject}[]"), value, None),
            "oneOf" | "anyOf" => self.choice(subject, (keyword, value), facts),
            "not" => {
                let one = std::slice::from_ref(value);
                let forbidden = value.get("anyOf").map_or(one, list);
                facts.rules.extend(forbidden.iter().map(exclusion));
            }
            _ if ANNOTATIONS.contains(&keyword) => {}
            _ => {
                let limit = LIMITS.iter().find(|(name, _)| *name == keyword);
                let (_, rule) = limit.unwrap_or_else(|| panic!("{subject}: `{keyword}` is new"));
                facts.rules.insert(format!("{rule} {value}"));
            }
        }
    }

    fn property(&mut self, subject: &str, name: &str, schema: &Value, needed: &[Value]) {
        let is_needed = needed.iter().any(|one| one == name);
        let rule = match self.direction {
            "request" => "required",
            _ => "always",
        };
        self.child(
            &format!("{subject}.{name}"),
            schema,
            is_needed.then_some(rule),
        );
    }

    fn child(&mut self, subject: &str, schema: &Value, rule: Option<&str>) {
        let mut facts = Facts::new(Vec::<String>::new(), rule);
        self.collect(subject, schema, &mut facts);
        let other = self.subjects.insert(subject.to_owned(), facts);
        assert!(other.is_none(), "{subject}: described twice");
    }

    /// Alternatives: fields of which exactly one is present, or values of any of these schemas.
    /// Other forms are facts of their own, so that a change to one of them is found.
    fn choice(&mut self, subject: &str, (keyword, value): (&str, &Value), facts: &mut Facts) {
        let alternatives = list(value);
        let has_fields = |one: &Value| one.get("required").is_some();
        if alternatives.iter().any(has_fields) {
            let fields: Option<Vec<_>> = alternatives.iter().map(only_field).collect();
            match fields {
                Some(fields) if keyword == "oneOf" => {
                    let rule = format!("exactly one of {}", fields.join(" or "));
                    facts.rules.insert(rule);
                }
                _ => facts.add_unknown(keyword, value),
            }
            return;
        }
        for alternative in alternatives {
            let mut own = Facts::default();
            self.collect(subject, alternative, &mut own);
            if own.values.contains("any") {
                facts.add_unknown(keyword, alternative);
                continue;
            }
            facts.values.extend(own.values);
            facts.rules.extend(own.rules);
        }
    }

    /// The name of a schema, whose facts are added, too.
    fn named(&mut self, reference: &Value) -> String {
        let reference = text(reference);
        let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
        if !self
            .subjects
            .contains_key(&format!("{} {name}", self.direction))
        {
            let schemas = self.schemas;
            // The entry ends the recursion of a schema that contains itself.
            let subject = format!("{} {name}", self.direction);
            self.subjects.insert(subject, Facts::default());
            self.add(&name, &schemas[&name], &[]);
        }
        name
    }
}

/// What no body may have: two fields together, or a field beside a value of another one. Another
/// form is a rule of its own, so that a change to it is found.
fn exclusion(forbidden: &Value) -> String {
    known_exclusion(forbidden).unwrap_or_else(|| unknown("not", forbidden))
}

fn known_exclusion(forbidden: &Value) -> Option<String> {
    let part = |keyword: &str| forbidden.get(keyword);
    let count = forbidden.as_object()?.len();
    if let (Some(pattern), 1) = (part("pattern"), count) {
        return Some(format!("not {}", pattern.as_str()?));
    }
    let required = list(part("required")?);
    let Some(conditions) = part("properties") else {
        return match (required, count) {
            ([first, second], 1) => Some(format!("{} excludes {}", text(first), text(second))),
            _ => None,
        };
    };
    let (name, condition) = only_member(conditions)?;
    let constant = condition.get("const")?;
    if condition.as_object()?.len() != 1 || required.first()? != name.as_str() {
        return None;
    }
    match (required, part("not"), count) {
        ([_, field], None, 2) => Some(format!("{name} {constant} excludes {}", text(field))),
        ([_], Some(lacking), 3) => {
            let field = only_field(lacking)?;
            Some(format!("{name} {constant} requires {field}"))
        }
        _ => None,
    }
}

/// The field of a schema that says only that this field is present.
fn only_field(schema: &Value) -> Option<String> {
    match only_member(schema)? {
        (keyword, Value::Array(fields)) if keyword == "required" => match &fields[..] {
            [field] => Some(text(field)),
            _ => None,
        },
        _ => None,
    }
}

/// The member of an object that has only one.
fn only_member(object: &Value) -> Option<(&String, &Value)> {
    let object = object.as_object()?;
    object.iter().next().filter(|_| object.len() == 1)
}

/// The fact of a form of schema that is not understood.
fn unknown(keyword: &str, form: &Value) -> String {
    format!("unknown {keyword} {form}")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
