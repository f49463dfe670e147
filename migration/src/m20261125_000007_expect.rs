//! A function with which a statement fails unless it wrote the expected number of rows.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// A function with which a statement fails unless it wrote the expected number of rows. SQLite has
/// no such functions.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str =
    "CREATE FUNCTION credits_expect(written bigint, expected bigint) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      IF written <> expected THEN
        RAISE EXCEPTION 'rows are not as they were read: % should have been written, % were', expected, written
          USING ERRCODE = 'serialization_failure';
      END IF;
      RETURN true;
    END $$";
const DOWN: &str = "DROP FUNCTION IF EXISTS credits_expect(bigint, bigint)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }
}

async fn run(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}
