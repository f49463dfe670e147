//! Rows as parameters of a statement: columns on PostgreSQL, one JSON document on SQLite
//! (`jsonb_each`).
//!
//! The text of a statement does not depend on the number of rows, so its plan stays cached.
//!
//! On PostgreSQL a column is an array (`UNNEST`). A column that may have absent values is the text
//! of an array, such as `{"a",NULL}`, which the statement casts (`$1::text::bigint[]`). The binder
//! of the ORM panics on NULL in an array (sea-query-sqlx 0.9.1, `sqlx_postgres.rs`). sqlx could bind
//! it, but a transaction of the ORM does not give out its connection.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{DbBackend, Value};
use uuid::Uuid;

/// Estimated bytes per cell, to size the JSON buffer.
const CELL: usize = 16;

/// One column of a set of rows.
pub enum Column {
    Text(Vec<String>),
    Number(Vec<i64>),
    Id(Vec<Uuid>),
    Instant(Vec<DateTime<Utc>>),
    /// Values of any type as text, each `None` if it is absent.
    Optional(Vec<Option<String>>),
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Id(values) => values.len(),
            Self::Instant(values) => values.len(),
            Self::Optional(values) => values.len(),
        }
    }

    /// Optional texts.
    pub fn texts(values: impl Iterator<Item = Option<impl Into<String>>>) -> Self {
        Self::Optional(values.map(|value| value.map(Into::into)).collect())
    }

    /// Optional numbers.
    pub fn numbers(values: impl Iterator<Item = Option<i64>>) -> Self {
        Self::texts(values.map(|value| value.map(|number| number.to_string())))
    }

    /// Optional ids.
    pub fn ids(values: impl Iterator<Item = Option<Uuid>>) -> Self {
        Self::texts(values.map(|value| value.map(|id| hex(id.as_bytes()))))
    }

    /// Optional byte strings, in hexadecimal digits.
    pub fn bytes(values: impl Iterator<Item = Option<impl AsRef<[u8]>>>) -> Self {
        Self::texts(values.map(|value| value.map(|bytes| hex(bytes.as_ref()))))
    }

    /// Optional instants.
    pub fn instants(values: impl Iterator<Item = Option<DateTime<Utc>>>) -> Self {
        Self::texts(values.map(|value| value.map(sqlite_instant)))
    }

    /// The parameter for PostgreSQL.
    fn into_value(self) -> Value {
        match self {
            Self::Text(values) => values.into(),
            Self::Number(values) => values.into(),
            Self::Id(values) => values.into(),
            Self::Instant(values) => values.into(),
            Self::Optional(values) => array_text(&values).into(),
        }
    }

    /// Writes a cell as JSON.
    fn write(&self, row: usize, json: &mut String) {
        match self {
            Self::Text(values) => quoted(&values[row], json),
            Self::Number(values) => {
                let _ = write!(json, "{}", values[row]);
            }
            Self::Id(values) => quoted(&hex(values[row].as_bytes()), json),
            Self::Instant(values) => quoted(&sqlite_instant(values[row]), json),
            Self::Optional(values) => match &values[row] {
                Some(text) => quoted(text, json),
                None => json.push_str("null"),
            },
        }
    }
}

/// The parameters for a set of rows: one for each column on PostgreSQL, one JSON array of rows on
/// SQLite.
pub fn rows(backend: DbBackend, columns: Vec<Column>) -> Vec<Value> {
    if backend != DbBackend::Sqlite {
        return columns.into_iter().map(Column::into_value).collect();
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

/// The text of a PostgreSQL array.
///
/// If all values are absent, the array is empty, and the statement then reads NULL in each row.
/// Most columns of most groups are like that.
fn array_text(values: &[Option<String>]) -> String {
    if values.iter().all(Option::is_none) {
        return "{}".to_owned();
    }
    let cells: Vec<String> = values
        .iter()
        .map(|value| match value {
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            None => "NULL".to_owned(),
        })
        .collect();
    format!("{{{}}}", cells.join(","))
}

fn quoted(text: &str, json: &mut String) {
    match serde_json::to_string(text) {
        Ok(quoted) => json.push_str(&quoted),
        // Serializing a text into memory does not fail.
        Err(_) => json.push_str("null"),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optional(first: bool) -> Vec<Column> {
        let at = DateTime::from_timestamp(1_769_851_800, 0);
        vec![
            Column::texts([first.then_some("a\"\\\nß,{}"), None, first.then_some("")].into_iter()),
            Column::numbers([first.then_some(-1), None, first.then_some(i64::MIN)].into_iter()),
            Column::ids([first.then_some(Uuid::nil()), None, None].into_iter()),
            Column::bytes([first.then_some([1, 0xfe]), None, None].into_iter()),
            Column::instants([at.filter(|_| first), None, None].into_iter()),
        ]
    }

    #[test]
    fn an_absent_value_is_null_in_the_text_of_an_array() {
        let zeros = "0".repeat(32);
        assert_eq!(
            rows(DbBackend::Postgres, optional(true)),
            [
                "{\"a\\\"\\\\\nß,{}\",NULL,\"\"}".to_owned(),
                format!("{{\"-1\",NULL,\"{}\"}}", i64::MIN),
                format!("{{\"{zeros}\",NULL,NULL}}"),
                "{\"01fe\",NULL,NULL}".to_owned(),
                "{\"2026-01-31T09:30:00.000000+00:00\",NULL,NULL}".to_owned(),
            ]
            .map(Value::from)
        );
    }

    #[test]
    fn the_array_of_a_column_without_any_value_is_empty() {
        let absent = rows(DbBackend::Postgres, optional(false));
        assert!(absent.iter().all(|value| *value == Value::from("{}")));
    }

    #[test]
    fn rows_for_sqlite_are_one_json_document_with_the_values_of_the_columns() {
        let at = DateTime::from_timestamp(1_769_851_800, 5_000).unwrap();
        let columns = vec![
            Column::Text(vec!["a\"\\\n\u{1}ß".to_owned(), String::new()]),
            Column::Number(vec![i64::MIN, 7]),
            Column::Id(vec![Uuid::nil(), Uuid::from_u128(0xab)]),
            Column::Instant(vec![
                at,
                DateTime::from_timestamp(-62_135_596_800, 0).unwrap(),
            ]),
        ];
        let expected = serde_json::json!([
            [
                "a\"\\\n\u{1}ß",
                i64::MIN,
                "0".repeat(32),
                "2026-01-31T09:30:00.000005+00:00"
            ],
            [
                "",
                7,
                format!("{}ab", "0".repeat(30)),
                "0001-01-01T00:00:00.000000+00:00"
            ],
        ]);
        let Value::String(Some(json)) = &rows(DbBackend::Sqlite, columns)[0] else {
            panic!("no text");
        };
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(json).unwrap(),
            expected
        );
        assert_eq!(
            rows(
                DbBackend::Sqlite,
                vec![Column::texts([None, Some("")].into_iter())]
            ),
            vec![Value::from("[[null],[\"\"]]")]
        );
        let nothing = rows(DbBackend::Sqlite, vec![Column::Number(Vec::new())]);
        assert_eq!(nothing, vec![Value::from("[]")]);
    }
}
