//! Changes of the documents: which of them break a client of the release before.

mod compatible;
mod http;
mod messages;
mod schemas;

use serde_json::{Value, json};

use super::{asyncapi, contract::Contract, openapi};

/// A change at a place of a document, which is a JSON pointer.
enum Edit {
    Set(&'static str, Value),
    Remove(&'static str),
    Append(&'static str, Value),
}

use Edit::{Append, Remove, Set};

/// Changes that belong together.
struct Change {
    name: &'static str,
    edits: Vec<Edit>,
    /// A part of what is found. `None`: the change is compatible.
    finding: Option<&'static str>,
}

fn breaking(name: &'static str, edit: Edit, finding: &'static str) -> Change {
    Change {
        name,
        edits: vec![edit],
        finding: Some(finding),
    }
}

fn compatible(name: &'static str, edits: impl IntoIterator<Item = Edit>) -> Change {
    Change {
        name,
        edits: edits.into_iter().collect(),
        finding: None,
    }
}

impl Edit {
    /// Applies the edit to a document. `None`: the document has no such place.
    fn apply(&self, document: &mut Value) -> Option<()> {
        let place = match self {
            Set(place, _) | Remove(place) | Append(place, _) => *place,
        };
        if let Append(_, value) = self {
            document
                .pointer_mut(place)?
                .as_array_mut()?
                .push(value.clone());
            return Some(());
        }
        let (parent, key) = place.rsplit_once('/')?;
        let key = key.replace("~1", "/");
        match (self, document.pointer_mut(parent)?) {
            (Set(_, value), parent) => parent[key] = value.clone(),
            (_, Value::Array(list)) => drop(list.remove(key.parse().ok()?)),
            (_, parent) => drop(parent.as_object_mut()?.remove(&key)?),
        }
        Some(())
    }
}

/// Checks what each change is found to break. It is made in each document that has its places.
fn check(changes: Vec<Change>) {
    let documents = [openapi::document(), asyncapi::document()];
    let contract = |[openapi, asyncapi]: &[Value; 2]| Contract::from_documents(openapi, asyncapi);
    let baseline = contract(&documents);
    assert_eq!(baseline.breaks(&baseline), Vec::<String>::new());
    let mut wrong = Vec::new();
    for Change {
        name,
        edits,
        finding,
    } in changes
    {
        let mut changed = documents.clone();
        for edit in edits {
            let places = changed
                .iter_mut()
                .filter_map(|document| edit.apply(document));
            assert!(places.count() > 0, "{name}: no document has this place");
        }
        let broken = contract(&changed).breaks(&baseline);
        let is_right = match finding {
            Some(text) => broken.iter().any(|finding| finding.contains(text)),
            None => broken.is_empty(),
        };
        if !is_right {
            wrong.push(format!("{name}: expected {finding:?}, found {broken:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A parameter that no release has.
fn parameter(required: bool) -> Value {
    json!({
        "name": "region", "in": "query", "required": required, "schema": { "type": "string" },
    })
}
