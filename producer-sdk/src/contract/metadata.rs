//! The content of `metadata`, found in one pass over its text.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json::Key;

/// The content of a JSON text, at any depth.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The number of values in all objects and arrays.
    pub values: usize,
    /// Whether a key or a string contains U+0000.
    pub holds_nul: bool,
    /// The first key that occurs twice in an object.
    pub duplicate: Option<String>,
}

impl Contents {
    /// Reads a JSON text. A number that does not fit a double is an error.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let mut contents = Self::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Walk(&mut contents).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(contents)
    }
}

struct Walk<'a>(&'a mut Contents);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.holds_nul |= text.contains('\0');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk(&mut *self.0))?.is_some() {
            self.0.values += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(Key(key)) = fields.next_key()? {
            self.0.values += 1;
            self.0.holds_nul |= key.contains('\0');
            if let Some(key) = keys.replace(key) {
                self.0.duplicate.get_or_insert(key.into_owned());
            }
            fields.next_value_seed(Walk(&mut *self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Contents {
        Contents::from_json(text).expect(text)
    }

    /// Conformance: Refusals and rejections: `metadata` with a duplicate key in an object is
    /// rejected, at any depth
    #[test]
    fn duplicate_keys_are_found_at_any_depth() {
        for (text, duplicate) in [
            (r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#, None),
            (r#"{"a":"\u0000","a":1}"#, Some("a")),
            (r#"{"a":1,"\u0061":1}"#, Some("a")),
            (r#"{"x":{"y":[0,{"b":1,"b":1}]}}"#, Some("b")),
            (r#"{"é":{},"\u00e9":{}}"#, Some("é")),
        ] {
            assert_eq!(contents(text).duplicate.as_deref(), duplicate, "{text}");
        }
    }

    #[test]
    fn values_are_counted_and_nul_is_found_at_any_depth() {
        let text = r#"{"a":[1,-2,2.5,true,null,"x"],"b":{"c":{}},"d":18446744073709551615}"#;
        let found = contents(text);
        assert_eq!((found.values, found.holds_nul), (10, false));
        for text in [r#"{"a":"\u0000"}"#, r#"{"a":[{"b\u0000":1}]}"#] {
            assert!(contents(text).holds_nul, "{text}");
        }
        assert!(Contents::from_json(r#"{"a":1e400}"#).is_err());
    }
}
