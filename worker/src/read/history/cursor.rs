//! A position in a history or in the audit log.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Utc};
use entity::credits_transaction;
use sea_orm::prelude::Uuid;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::db::sqlite_instant;

/// A position directly behind a transaction of a history, or behind an action of the audit log.
/// Its text is `{instant}_{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(in crate::read) created_at: DateTime<Utc>,
    pub(in crate::read) id: Uuid,
}

/// Text that is not a [`Cursor`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a valid cursor; use the `nextCursor` of a page")]
pub struct CursorError(String);

impl Cursor {
    pub(super) fn from_row(model: &credits_transaction::Model) -> Self {
        Self {
            created_at: model.created_at,
            id: model.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", sqlite_instant(self.created_at), self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (at, id) = text.split_once('_')?;
            let created_at = DateTime::parse_from_rfc3339(at).ok()?.to_utc();
            // With an offset the instant may lie outside the years that RFC 3339 can represent.
            let created_at = Some(created_at).filter(|at| (0..=9999).contains(&at.year()))?;
            Some(Self {
                created_at,
                id: Uuid::parse_str(id).ok()?,
            })
        };
        parse().ok_or_else(|| CursorError(text.to_owned()))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_writes() {
        let created_at = DateTime::from_timestamp(1_795_341_600, 5_000).expect("in range");
        let cursor = Cursor {
            created_at,
            id: Uuid::from_u128(7),
        };
        let text = "2026-11-22T10:00:00.000005+00:00_00000000-0000-0000-0000-000000000007";
        assert_eq!(cursor.to_string(), text);
        assert_eq!(text.parse(), Ok(cursor));
    }

    #[test]
    fn a_text_that_is_not_a_cursor_is_refused_with_the_text() {
        for text in [
            "",
            "_",
            "7",
            "2026-11-22_7",
            "x_00000000-0000-0000-0000-000000000007",
            "0000-01-01T00:00:00+00:01_00000000-0000-0000-0000-000000000007",
            "9999-12-31T23:59:59-00:01_00000000-0000-0000-0000-000000000007",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError(text.to_owned())));
        }
    }
}
