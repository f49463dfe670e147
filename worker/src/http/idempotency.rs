//! The header `Idempotency-Key`: it gives a command its reference if the body has none.

use std::collections::HashMap;

use axum::http::HeaderMap;
use serde_json::value::RawValue;

use super::problem::Problem;

const HEADER: &str = "Idempotency-Key";

/// The body, with the reference of the header if the body has none. A body that cannot be read is
/// returned as it is, because the contract says what is wrong with it.
pub fn with_reference(body: Vec<u8>, headers: &HeaderMap) -> Result<Vec<u8>, Problem> {
    let Some(key) = headers.get(HEADER) else {
        return Ok(body);
    };
    // The header is one item of a structured field: a string in quotes. Most clients send the
    // string alone.
    let key = key.to_str().map_err(|_| {
        let detail = format!("`{HEADER}` must be 1 to 200 visible ASCII characters");
        Problem::invalid(HEADER, detail)
    })?;
    let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let key = quoted.unwrap_or(key);
    let Ok(fields) = serde_json::from_slice::<HashMap<String, &RawValue>>(&body) else {
        return Ok(body);
    };
    if let Some(reference) = fields.get("referenceId") {
        let is_same = serde_json::from_str::<String>(reference.get()).is_ok_and(|id| id == key);
        return if is_same {
            Ok(body)
        } else {
            let detail = format!("`{HEADER}` and `referenceId` differ; use one of them");
            Err(Problem::invalid(HEADER, detail))
        };
    }
    let Some(start) = body.iter().position(|byte| *byte == b'{') else {
        return Ok(body);
    };
    let (head, rest) = body.split_at(start + 1);
    let comma = if fields.is_empty() { "" } else { "," };
    let reference = serde_json::Value::from(key);
    let field = format!("\"referenceId\":{reference}{comma}");
    Ok([head, field.as_bytes(), rest].concat())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(key: &'static str, body: &str) -> Result<String, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static(key));
        let body = with_reference(body.as_bytes().to_vec(), &headers)?;
        Ok(String::from_utf8(body).expect("UTF-8"))
    }

    #[test]
    fn a_body_without_a_reference_gets_that_of_the_header() {
        let expected = r#" {"referenceId":"r-1","type":"consume"}"#;
        assert_eq!(
            with("r-1", r#" {"type":"consume"}"#),
            Ok(expected.to_owned())
        );
        assert_eq!(
            with("\"r-1\"", r#" {"type":"consume"}"#),
            Ok(expected.to_owned())
        );
        assert_eq!(with("r", "{}"), Ok(r#"{"referenceId":"r"}"#.to_owned()));
        let escaped = r#"{"referenceId":"a\"b","x":1}"#;
        assert_eq!(with("a\"b", r#"{"x":1}"#), Ok(escaped.to_owned()));
    }

    #[test]
    fn two_references_must_be_equal() {
        let body = r#"{"referenceId":"r-1"}"#;
        assert_eq!(with("r-1", body), Ok(body.to_owned()));
        let problem = with("r-2", body).expect_err("another reference");
        assert_eq!(problem.field.as_deref(), Some(HEADER));
        assert!(with("1", r#"{"referenceId":1}"#).is_err());
    }

    #[test]
    fn a_body_that_is_no_object_stays_as_it_is() {
        for body in ["", "[1]", "nonsense", "{", "\"{\""] {
            assert_eq!(with("r", body), Ok(body.to_owned()));
        }
    }
}
