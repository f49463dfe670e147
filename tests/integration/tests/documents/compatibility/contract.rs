//! A contract as facts about subjects, and the comparison of two of them.
//!
//! A fact is a value that may occur, or a rule that narrows what may occur. A client that sends
//! must not have fewer values or more rules than before; one that receives must not get more values
//! or fewer rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde_json::Value;

use super::{amqp, facts::Facts, http};

/// Between the facts of a subject. No pattern contains it.
const SEPARATOR: &str = " ; ";
/// Before a fact that is a value.
const VALUE: char = '=';

/// The subjects, such as `request Command.consume.amount`, with their facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract(BTreeMap<String, Facts>);

impl Contract {
    /// The contract that both documents describe.
    pub fn from_documents(openapi: &Value, asyncapi: &Value) -> Self {
        let mut subjects = http::facts(openapi);
        subjects.extend(amqp::facts(asyncapi));
        Self(subjects)
    }

    /// The number of subjects.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What a client of `baseline` cannot rely on any more.
    pub fn breaks(&self, baseline: &Self) -> Vec<String> {
        let mut broken = Vec::new();
        for (subject, old) in &baseline.0 {
            let Some(new) = self.0.get(subject) else {
                broken.push(format!("{subject}: removed"));
                continue;
            };
            let direction = subject.split(' ').next().unwrap_or_default();
            if direction != "response" {
                // The client sends: all that was allowed stays allowed.
                let values = old.values.iter().filter(|value| !new.covers(value));
                broken.extend(values.map(|value| format!("{subject}: no longer {value}")));
                let rules = new.rules.iter().filter(|rule| {
                    !old.implies(rule) && !self.is_about_new_field(baseline, subject, rule)
                });
                broken.extend(rules.map(|rule| format!("{subject}: new rule {rule}")));
            }
            if direction != "request" {
                // The client receives: nothing else than before.
                let values = new.values.iter().filter(|value| !old.covers(value));
                broken.extend(values.map(|value| format!("{subject}: may now be {value}")));
                let rules = old.rules.iter().filter(|rule| !new.implies(rule));
                broken.extend(rules.map(|rule| format!("{subject}: no longer {rule}")));
            }
        }
        for (subject, facts) in &self.0 {
            let is_new = !baseline.0.contains_key(subject);
            let is_needed = subject.starts_with("request ") && facts.rules.contains("required");
            if is_new && is_needed && self.has_old_parent(baseline, subject) {
                broken.push(format!("{subject}: new and required"));
            }
        }
        broken
    }

    /// Whether what a subject belongs to was there before.
    fn has_old_parent(&self, baseline: &Self, subject: &str) -> bool {
        let ends = subject.rmatch_indices(['.', ' ']);
        let mut parents = ends.map(|(end, _)| &subject[..end]);
        let parent = parents.find(|parent| self.0.contains_key(*parent));
        parent.is_some_and(|parent| baseline.0.contains_key(parent))
    }

    /// Whether a rule about two fields is about one that clients of the baseline do not know.
    fn is_about_new_field(&self, baseline: &Self, subject: &str, rule: &str) -> bool {
        let Some((left, right)) = rule.split_once(" excludes ") else {
            return false;
        };
        [left, right].iter().any(|side| {
            let field = side.split(' ').next().unwrap_or_default();
            let field = format!("{subject}.{field}");
            self.0.contains_key(&field) && !baseline.0.contains_key(&field)
        })
    }
}

/// One line for each subject.
impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (subject, facts) in &self.0 {
            let values = facts.values.iter().map(|value| format!("{VALUE}{value}"));
            let facts: Vec<String> = values.chain(facts.rules.iter().cloned()).collect();
            let space = if facts.is_empty() { "" } else { " " };
            writeln!(f, "{subject}:{space}{}", facts.join(SEPARATOR))?;
        }
        Ok(())
    }
}

impl FromStr for Contract {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let subjects = lines.map(|line| {
            let parts = line
                .split_once(": ")
                .or_else(|| Some((line.strip_suffix(':')?, "")));
            let (subject, facts) = parts.ok_or_else(|| format!("no subject in {line:?}"))?;
            let facts = facts.split(SEPARATOR).filter(|fact| !fact.is_empty());
            let (values, rules): (BTreeSet<&str>, BTreeSet<&str>) =
                facts.partition(|fact| fact.starts_with(VALUE));
            let values = values.into_iter().map(|value| value[1..].to_owned());
            let facts = Facts {
                values: values.collect(),
                rules: rules.into_iter().map(str::to_owned).collect(),
            };
            Ok((subject.to_owned(), facts))
        });
        subjects.collect::<Result<_, String>>().map(Self)
    }
}
