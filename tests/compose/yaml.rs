//! Reads a YAML document into a JSON value: what Compose files need, and no more (no anchors, no tags).

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
            first => return value(first, &mut events),
        }
    }
    Err("no document".to_owned())
}

type Events<'a, 'i> = &'a mut dyn Iterator<Item = Result<Event<'i>, String>>;

fn value<'i>(event: Event<'i>, events: Events<'_, 'i>) -> Result<Value, String> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, 0, None) => Ok(plain(&text)),
        Event::Scalar(text, _, 0, None) => Ok(Value::String(text.into_owned())),
        Event::SequenceStart(0, None) => {
            let mut items = Vec::new();
            loop {
                match next(events)? {
                    Event::SequenceEnd => return Ok(Value::Array(items)),
                    event => items.push(value(event, events)?),
                }
            }
        }
        Event::MappingStart(0, None) => {
            let mut fields = Map::new();
            loop {
                let key = match next(events)? {
                    Event::MappingEnd => return Ok(Value::Object(fields)),
                    Event::Scalar(key, ..) => key.into_owned(),
                    other => return Err(format!("{other:?} as a key")),
                };
                let event = next(events)?;
                if fields.insert(key.clone(), value(event, events)?).is_some() {
                    return Err(format!("`{key}` twice"));
                }
            }
        }
        other => Err(format!("{other:?} is not expected here")),
    }
}

fn next<'i>(events: Events<'_, 'i>) -> Result<Event<'i>, String> {
    events.next().ok_or("the document ends too early")?
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
