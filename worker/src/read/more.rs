//! Whether a list of a user is longer than a limit, before it is read.

use sea_orm::{ConnectionTrait, Statement};

use super::ReadError;

/// A list of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// All batches, also those without a remainder.
    Batches,
    /// All holds, also closed ones.
    Holds,
}

const BATCHES: &str = "\
SELECT count(*) AS n FROM (SELECT 1 FROM credits_batch WHERE user_id = $1 LIMIT $2) AS counted";
const HOLDS: &str = "\
SELECT count(*) AS n FROM (SELECT 1 FROM credits_hold WHERE user_id = $1 LIMIT $2) AS counted";

/// Whether the list of `user` has more than `most` rows.
pub async fn has_more(
    db: &impl ConnectionTrait,
    list: List,
    user: &str,
    most: u32,
) -> Result<bool, ReadError> {
    let (text, name) = match list {
        List::Batches => (BATCHES, "batches"),
        List::Holds => (HOLDS, "holds"),
    };
    let limit = i64::from(most) + 1;
    let values = [user.into(), limit.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, values);
    let row = db.query_one_raw(statement).await;
    let row = row.map_err(ReadError::reading(name))?;
    let counted: i64 = row
        .map_or(Ok(0), |row| row.try_get_by("n"))
        .map_err(ReadError::reading(name))?;
    Ok(counted == limit)
}
