//! Reads the JSON of an event leniently: an absent field, `null` and a field of another type are
//! the same, because the versions of an API differ.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A value of the JSON.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a Value);

impl<'a> Fields<'a> {
    /// The value at a path of names with dots, such as `parent.subscription_details`.
    pub fn at(self, path: &str) -> Option<Self> {
        let found = path
            .split('.')
            .try_fold(self.0, |value, name| value.get(name));
        found.filter(|value| !value.is_null()).map(Self)
    }

    /// A text that is not empty.
    pub fn text(self, path: &str) -> Option<&'a str> {
        let text = self.at(path)?.0.as_str();
        text.filter(|text| !text.is_empty())
    }

    /// The text of the first of these paths that has one.
    pub fn first(self, paths: &[&str]) -> Option<&'a str> {
        paths.iter().find_map(|path| self.text(path))
    }

    /// The id of another object: its id, or the whole object if it was expanded.
    pub fn id(self, path: &str) -> Option<&'a str> {
        let value = self.at(path)?;
        value
            .0
            .as_str()
            .filter(|id| !id.is_empty())
            .or_else(|| value.text("id"))
    }

    /// A whole number.
    pub fn integer(self, path: &str) -> Option<i64> {
        self.at(path)?.0.as_i64()
    }

    /// A whole number, also as a text: metadata have texts only.
    pub fn number(self, path: &str) -> Option<i64> {
        let text = || self.text(path)?.parse().ok();
        self.integer(path).or_else(text)
    }

    /// Whether a field is `true`.
    pub fn is_true(self, path: &str) -> bool {
        self.at(path)
            .is_some_and(|value| value.0 == &Value::Bool(true))
    }

    /// An instant in seconds since 1970.
    pub fn seconds(self, path: &str) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.integer(path)?, 0)
    }

    /// An instant in milliseconds since 1970, or as RFC 3339.
    pub fn instant(self, path: &str) -> Option<DateTime<Utc>> {
        let value = self.at(path)?.0;
        let millis = value.as_i64().and_then(DateTime::from_timestamp_millis);
        millis.or_else(|| {
            let parsed = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
            Some(parsed.to_utc())
        })
    }

    /// The values of a list; none if there is no list.
    pub fn list(self, path: &str) -> Vec<Self> {
        let list = self.at(path).and_then(|value| value.0.as_array());
        list.into_iter().flatten().map(Self).collect()
    }

    /// The user that the app noted in metadata.
    pub fn user(self, path: &str) -> Option<String> {
        let metadata = self.at(path)?;
        let user = metadata.first(&["userId", "user_id"]);
        user.map(ToOwned::to_owned)
    }
}
