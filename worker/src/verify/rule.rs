//! The definition of a rule, and its execution on the database.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, prelude::Uuid};

use super::{Report, Violation, sql};

/// An invariant of every row of a table.
#[derive(Debug)]
pub struct Rule {
    /// The name `{subject}.{claim}`. It never changes.
    pub name: &'static str,
    /// Table of the rows.
    pub table: &'static str,
    /// The invariant as a sentence.
    pub claim: &'static str,
    pub scope: Scope,
    /// The message of a violation. `{stored}` and `{expected}` are replaced by the values that the
    /// statement returned.
    pub(super) message: &'static str,
    /// The statement that finds the rows that break the rule. It is the same for both databases,
    /// except for the expressions that [`sql::dialect`] replaces. It returns `id`, `other` (the
    /// second part of the id of an allocation), `user_id`, and, as text, `stored` and `expected`.
    pub(super) sql: &'static str,
}

/// How many times the statement of a rule is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Once per range of users. `$1` is the user before the first, `$2` is the last user.
    Users,
    /// Once, without parameters.
    Book,
}

struct Row {
    id: String,
    other: Option<Uuid>,
    user_id: Option<String>,
    stored: Option<String>,
    expected: Option<String>,
    total: i64,
}

impl Rule {
    /// Checks the rule for the users after `bounds.0` up to `bounds.1`.
    pub(super) async fn check<C: ConnectionTrait>(
        &self,
        db: &C,
        bounds: (&str, &str),
        report: &mut Report,
    ) -> Result<(), DbErr> {
        // At least one row, because each row holds the total.
        let limit = report.remaining_capacity().max(1);
        let text = format!(
            "SELECT v.*, count(*) OVER () AS total FROM ({}) v ORDER BY v.user_id, v.id, v.other LIMIT {limit}",
            sql::dialect(self.sql, db.get_database_backend())
        );
        let values = match self.scope {
            Scope::Users => vec![bounds.0.into(), bounds.1.into()],
            Scope::Book => Vec::new(),
        };
        let statement = Statement::from_sql_and_values(db.get_database_backend(), text, values);
        let rows = db.query_all_raw(statement).await?;
        let rows = rows
            .iter()
            .map(|row| self.read(row))
            .collect::<Result<Vec<_>, _>>()?;
        let total = rows.first().map_or(0, |row| row.total.unsigned_abs());
        report.add(total, rows.into_iter().map(|row| self.violation(row)));
        Ok(())
    }

    fn read(&self, row: &QueryResult) -> Result<Row, DbErr> {
        Ok(Row {
            id: if self.table == "subscription" {
                row.try_get_by("id")?
            } else {
                row.try_get_by::<Uuid, _>("id")?.to_string()
            },
            other: row.try_get_by("other")?,
            user_id: row.try_get_by("user_id")?,
            stored: row.try_get_by("stored")?,
            expected: row.try_get_by("expected")?,
            total: row.try_get_by("total")?,
        })
    }

    fn violation(&self, row: Row) -> Violation {
        let part = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        let message = self
            .message
            .replace("{expected}", &part(row.expected))
            .replace("{stored}", &part(row.stored));
        let id = match row.other {
            None => row.id,
            Some(other) => format!("{}/{other}", row.id),
        };
        Violation {
            rule: self.name,
            table: self.table,
            id,
            user_id: row.user_id,
            message,
        }
    }
}
