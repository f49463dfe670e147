//! The credits that all users together have reserved, and those that they owe.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};

use super::{
    ReadError,
    sql::{sum, summed},
};

/// Credits that all users together have reserved, and that they owe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// What open holds reserve. A hold that has ended counts until it is closed.
    pub held: i128,
    /// What is open of debts.
    pub debt: i128,
}

/// The sums of the open holds and of the open debts. Both have an index of their own, so closed
/// holds and settled debts cost nothing.
pub async fn reserved(db: &DatabaseConnection) -> Result<Reserved, ReadError> {
    sums(db)
        .await
        .map_err(ReadError::reading("reserved credits"))
}

async fn sums(db: &DatabaseConnection) -> Result<Reserved, DbErr> {
    let text = format!(
        "SELECT 'held' AS name, {} FROM credits_hold h WHERE h.status = 'OPEN'
         UNION ALL
         SELECT 'debt' AS name, {} FROM credits_debt d
          WHERE d.repaid + d.forgiven + d.cancelled < d.amount",
        sum("h.amount - h.captured", "credits"),
        sum("d.amount - d.repaid - d.forgiven - d.cancelled", "credits"),
    );
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, []);
    let mut reserved = Reserved::default();
    for row in db.query_all_raw(statement).await? {
        let credits = summed(&row, "credits")?;
        match row.try_get_by::<String, _>("name")?.as_str() {
            "held" => reserved.held = credits,
            _ => reserved.debt = credits,
        }
    }
    Ok(reserved)
}
