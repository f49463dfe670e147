//! Rows as parameters: one array a column on PostgreSQL (`UNNEST`), one JSON document on SQLite (`json_each`).
//!
//! The text of a statement is constant whatever the number of rows, so its plan stays cached.

use chrono::{DateTime, Utc};
use sea_orm::{
    DbBackend, Value,
    sea_query::{ArrayType, ValueType},
};
use uuid::Uuid;

/// The one format of an instant in SQLite: text order is time order.
pub const SQLITE_INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.6f+00:00";

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

    fn cell(&self, row: usize) -> serde_json::Value {
        match self {
            Self::Text(values) => values[row].as_str().into(),
            Self::Number(values) => values[row].into(),
            Self::Id(values) => hex(values[row].as_bytes()).into(),
            Self::Bytes(values) => hex(&values[row]).into(),
            Self::Instant(values) => values[row].format(SQLITE_INSTANT).to_string().into(),
        }
    }
}

/// The parameters for a set of rows: an array each on PostgreSQL, one JSON array of rows on SQLite.
pub fn rows(backend: DbBackend, columns: Vec<Column>) -> Vec<Value> {
    if backend != DbBackend::Sqlite {
        return columns.into_iter().map(Column::into_array).collect();
    }
    let count = columns.first().map_or(0, Column::len);
    let rows: Vec<Vec<serde_json::Value>> = (0..count)
        .map(|row| columns.iter().map(|column| column.cell(row)).collect())
        .collect();
    vec![serde_json::Value::from(rows).to_string().into()]
}

/// An instant as a parameter.
pub fn instant(backend: DbBackend, at: DateTime<Utc>) -> Value {
    if backend == DbBackend::Sqlite {
        at.format(SQLITE_INSTANT).to_string().into()
    } else {
        at.into()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
