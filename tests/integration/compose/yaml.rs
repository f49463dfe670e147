//! Reads a YAML document into a JSON value: what Compose files need (anchors, but no tags and no merge keys).

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The one document in `text`.
pub fn read(text: &str) -> Result<Value, String> {
    let mut events = Parser::new_from_str(text).map(|event| match event {
        Ok((event, _)) => Ok(event),
        Err(error) => Err(error.to_string()),
    });
    while let Some(event) = events.next() {
        match event? {
            Event::StreamStart | Event::DocumentStart(_) => {}
            first => {
                return Reader {
                    events: &mut events,
                    anchors: HashMap::new(),
                }
                .value(first);
            }
        }
    }
    Err("no document".to_owned())
}

/// Reads values, and keeps those that have an anchor, by its number.
struct Reader<'a, 'i> {
    events: &'a mut dyn Iterator<Item = Result<Event<'i>, String>>,
    anchors: HashMap<usize, Value>,
}

impl<'i> Reader<'_, 'i> {
    fn value(&mut self, event: Event<'i>) -> Result<Value, String> {
        let (anchor, value) = match event {
            Event::Alias(anchor) => {
                return self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or("an unknown anchor".to_owned());
            }
            Event::Scalar(text, ScalarStyle::Plain, anchor, None) => (anchor, plain(&text)),
            Event::Scalar(text, _, anchor, None) => (anchor, Value::String(text.into_owned())),
            Event::SequenceStart(anchor, None) => (anchor, self.sequence()?),
            Event::MappingStart(anchor, None) => (anchor, self.mapping()?),
            other => return Err(format!("{other:?} is not expected here")),
        };
        self.anchors.insert(anchor, value.clone());
        Ok(value)
    }

    fn sequence(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.value(event)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Value, String> {
        let mut fields = Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(Value::Object(fields)),
                Event::Scalar(key, ..) => key.into_owned(),
                other => return Err(format!("{other:?} as a key")),
            };
            let event = self.next()?;
            if fields.insert(key.clone(), self.value(event)?).is_some() {
                return Err(format!("`{key}` twice"));
            }
        }
    }

    fn next(&mut self) -> Result<Event<'i>, String> {
        self.events.next().ok_or("the document ends too early")?
    }
}

/// A scalar without quotes: null, a boolean, a number or, failing these, a string.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text
            .parse::<i64>()
            .map_or_else(|_| Value::String(text.to_owned()), Value::from),
    }
}
