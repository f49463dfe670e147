//! Rows as parameters of a statement: one array per column on PostgreSQL (`UNNEST`), one JSON
//! document on SQLite (`jsonb_each`).
//!
//! The text of a statement does not depend on the number of rows, so its plan stays cached.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    DbBackend, Value,
    sea_query::{ArrayType, ValueType},
};
use uuid::Uuid;

/// Estimated bytes per cell, to size the JSON buffer.
const CELL: usize = 16;

/// Sentinel for an absent instant: the beginning of the year 1, which no message can contain.
const NEVER: DateTime<Utc> = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(at) => at,
    None => DateTime::UNIX_EPOCH,
};
/// Sentinel for an absent number.
const NONE: i64 = -1;

/// One column of a set of rows.
///
/// The arrays for PostgreSQL hold no NULL. An absent value is sent as the sentinel of the column's
/// type (empty text, nil UUID, [`NEVER`], [`NONE`]), and the statement converts it back with
/// `NULLIF`. A column whose values are all absent is sent empty, and the statement then reads NULL
/// in each row.
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

    /// Optional texts.
    pub fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Self {
        Self::Text(
            values
                .map(|value| value.unwrap_or_default().to_owned())
                .collect(),
        )
        .unless_absent()
    }

    /// Optional numbers.
    pub fn numbers(values: impl Iterator<Item = Option<i64>>) -> Self {
        Self::Number(values.map(|value| value.unwrap_or(NONE)).collect()).unless_absent()
    }

    /// Optional ids.
    pub fn ids(values: impl Iterator<Item = Option<Uuid>>) -> Self {
        Self::Id(values.map(Option::unwrap_or_default).collect()).unless_absent()
    }

    /// Optional byte strings.
    pub fn bytes(values: impl Iterator<Item = Option<Vec<u8>>>) -> Self {
        Self::Bytes(values.map(Option::unwrap_or_default).collect()).unless_absent()
    }

    /// Optional instants.
    pub fn instants(values: impl Iterator<Item = Option<DateTime<Utc>>>) -> Self {
        Self::Instant(values.map(|value| value.unwrap_or(NEVER)).collect()).unless_absent()
    }

    /// Replaces a column whose values are all absent by an empty one. Most columns of most groups
    /// are like that, and each sentinel costs time on both sides.
    pub fn unless_absent(self) -> Self {
        match self {
            Self::Text(values) if values.iter().all(String::is_empty) => Self::Text(Vec::new()),
            Self::Number(values) if values.iter().all(|value| *value == NONE) => {
                Self::Number(Vec::new())
            }
            Self::Id(values) if values.iter().all(Uuid::is_nil) => Self::Id(Vec::new()),
            Self::Bytes(values) if values.iter().all(Vec::is_empty) => Self::Bytes(Vec::new()),
            Self::Instant(values) if values.iter().all(|value| *value == NEVER) => {
                Self::Instant(Vec::new())
            }
            some => some,
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
            absent if absent.len() == 0 => json.push_str("null"),
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

/// The parameters for a set of rows: one array per column on PostgreSQL, one JSON array of rows on
/// SQLite.
pub fn rows(backend: DbBackend, columns: Vec<Column>) -> Vec<Value> {
    if backend != DbBackend::Sqlite {
        return columns.into_iter().map(Column::into_array).collect();
    }
    let count = columns.first().map_or(0, Column::len);
    let mut json = String::with_capacity(2 + count * columns.len() * CELL);
    json.push('[');
    for row in 0..count {
        for (index, column) in columns.iter().enumerate() {
            json.push_str(match (row, index) {
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

/// An instant in the only text form that SQLite files store. The order of these texts is the order
/// of time.
pub fn sqlite_instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn quoted(text: &str, json: &mut String) {
    match serde_json::to_string(text) {
        Ok(quoted) => json.push_str(&quoted),
        // Serializing a text into memory does not fail.
        Err(_) => json.push_str("null"),
    }
}

fn hex(bytes: &[u8], json: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    json.push('"');
    json.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]),
    );
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_empty_only_if_all_of_its_values_are_absent() {
        let at = DateTime::from_timestamp(1_769_851_800, 0);
        let columns = |first: bool| {
            [
                Column::texts([first.then_some("a"), None].into_iter()),
                Column::numbers([first.then_some(-1_000), None].into_iter()),
                Column::ids([first.then_some(Uuid::from_u128(7)), None].into_iter()),
                Column::bytes([first.then_some(vec![1]), None].into_iter()),
                Column::instants([at.filter(|_| first), None].into_iter()),
            ]
        };
        assert!(columns(false).iter().all(|column| column.len() == 0));
        assert!(columns(true).iter().all(|column| column.len() == 2));
        // A required column is never left empty, even if its values equal the sentinel.
        assert_eq!(Column::Number(vec![NONE, NONE]).len(), 2);
    }

    #[test]
    fn rows_for_sqlite_are_one_json_document_with_the_values_of_the_columns() {
        let at = DateTime::from_timestamp(1_769_851_800, 5_000).unwrap();
        let columns = vec![
            Column::Text(vec!["a\"\\\n\u{1}ß".to_owned(), String::new()]),
            Column::Number(vec![i64::MIN, 7]),
            Column::Id(vec![Uuid::nil(), Uuid::from_u128(0xab)]),
            Column::Bytes(vec![vec![1, 0xfe], Vec::new()]),
            Column::Instant(vec![
                at,
                DateTime::from_timestamp(-62_135_596_800, 0).unwrap(),
            ]),
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
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(json).unwrap(),
            expected
        );
        let absent = vec![
            Column::Number(vec![7, 8]),
            Column::texts([None, None].into_iter()),
            Column::numbers([None, Some(-2)].into_iter()),
        ];
        assert_eq!(
            rows(DbBackend::Sqlite, absent),
            vec![Value::from("[[7,null,-1],[8,null,-2]]")]
        );
        let nothing = rows(DbBackend::Sqlite, vec![Column::Number(Vec::new())]);
        assert_eq!(nothing, vec![Value::from("[]")]);
    }
}
