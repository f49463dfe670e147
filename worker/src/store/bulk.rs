//! Rows as parameters: one array a column on PostgreSQL (`UNNEST`), one JSON document on SQLite (`jsonb_each`).
//!
//! The text of a statement is constant whatever the number of rows, so its plan stays cached.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    DbBackend, Value,
    sea_query::{ArrayType, ValueType},
};
use uuid::Uuid;

/// About so many bytes a cell has.
const CELL: usize = 16;

/// One column of a set of rows. PostgreSQL's arrays hold no NULL here: an absent value travels as the column
/// type's sentinel (empty text, nil UUID, the year 1, −1), which the statement turns back with `NULLIF`.
pub enum Column {
    Text(Vec<String>),
    Number(Vec<i64>),
    Id(Vec<Uuid>),
    Bytes(Vec<Vec<u8>>),
    Instant(Vec<DateTime<Utc>>),
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Id(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Instant(values) => values.len(),
        }
    }

    fn into_array(self) -> Value {
        fn array<T: ValueType + Into<Value>>(values: Vec<T>) -> Value {
            Value::Array(
                T::array_type(),
                Some(Box::new(values.into_iter().map(Into::into).collect())),
            )
        }
        match self {
            Self::Text(values) => array(values),
            Self::Number(values) => array(values),
            Self::Id(values) => array(values),
            Self::Instant(values) => array(values),
            Self::Bytes(values) => Value::Array(
                ArrayType::Bytes,
                Some(Box::new(
                    values
                        .into_iter()
                        .map(|bytes| Value::Bytes(Some(bytes)))
                        .collect(),
                )),
            ),
        }
    }

    /// Writes a cell as JSON.
    fn write(&self, row: usize, json: &mut String) {
        match self {
            Self::Text(values) => quoted(&values[row], json),
            Self::Number(values) => {
                let _ = write!(json, "{}", values[row]);
            }
            Self::Id(values) => hex(values[row].as_bytes(), json),
            Self::Bytes(values) => hex(&values[row], json),
            Self::Instant(values) => {
                json.push('"');
                json.push_str(&sqlite_instant(values[row]));
                json.push('"');
            }
        }
    }
}

/// The parameters for a set of rows: an array each on PostgreSQL, one JSON array of rows on SQLite.
pub fn rows(backend: DbBackend, columns: Vec<Column>) -> Vec<Value> {
    if backend != DbBackend::Sqlite {
        return columns.into_iter().map(Column::into_array).collect();
    }
    let count = columns.first().map_or(0, Column::len);
    let mut json = String::with_capacity(2 + count * columns.len() * CELL);
    json.push('[');
    for row in 0..count {
        for (place, column) in columns.iter().enumerate() {
            json.push_str(match (row, place) {
                (0, 0) => "[",
                (_, 0) => "],[",
                _ => ",",
            });
            column.write(row, &mut json);
        }
    }
    json.push_str(if count > 0 { "]]" } else { "]" });
    vec![json.into()]
}

/// An instant as a parameter.
pub fn instant(backend: DbBackend, at: DateTime<Utc>) -> Value {
    if backend == DbBackend::Sqlite {
        sqlite_instant(at).into()
    } else {
        at.into()
    }
}

/// An instant in the one form that SQLite's files have it: text order is time order.
pub fn sqlite_instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn quoted(text: &str, json: &mut String) {
    match serde_json::to_string(text) {
        Ok(quoted) => json.push_str(&quoted),
        // Writing a text into memory does not fail.
        Err(_) => json.push_str("null"),
    }
}

fn hex(bytes: &[u8], json: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    json.push('"');
    json.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_for_sqlite_are_one_document_that_says_what_the_columns_say() {
        let at = DateTime::from_timestamp(1_769_851_800, 5_000).unwrap();
        let columns = vec![
            Column::Text(vec!["a\"\\\n\u{1}ß".to_owned(), String::new()]),
            Column::Number(vec![i64::MIN, 7]),
            Column::Id(vec![Uuid::nil(), Uuid::from_u128(0xab)]),
            Column::Bytes(vec![vec![1, 0xfe], Vec::new()]),
            Column::Instant(vec![at, DateTime::from_timestamp(-62_135_596_800, 0).unwrap()]),
        ];
        let Value::String(Some(json)) = &rows(DbBackend::Sqlite, columns)[0] else {
            panic!("no text");
        };
        let expected = serde_json::json!([
            [
                "a\"\\\n\u{1}ß",
                i64::MIN,
                "0".repeat(32),
                "01fe",
                "2026-01-31T09:30:00.000005+00:00"
            ],
            [
                "",
                7,
                format!("{}ab", "0".repeat(30)),
                "",
                "0001-01-01T00:00:00.000000+00:00"
            ],
        ]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap(), expected);
        let nothing = rows(DbBackend::Sqlite, vec![Column::Number(Vec::new())]);
        assert_eq!(nothing, vec![Value::from("[]")]);
    }
}
