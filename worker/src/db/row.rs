//! Values of the rows that a statement returns.

use sea_orm::{QueryResult, TryGetable};

use super::StoreError;

/// The value of a column.
pub(crate) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    row.try_get_by(column)
        .map_err(StoreError::database("read a row"))
}
