//! Migrations up, down and up again, by two workers at once, and under an older worker.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use migration::{Migrator, MigratorTrait};
use scrip::{db::StoreOptions, store::Store};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait};
use testkit::db::TestDatabase;

/// The names of all tables and indexes, with their definitions in the database.
async fn objects(database: &TestDatabase) -> BTreeSet<String> {
    let sql = match database.backend() {
        DbBackend::Postgres => {
            "SELECT 'table ' || table_name || ' ' || column_name || ' ' || data_type || ' ' ||
              is_nullable
               FROM information_schema.columns WHERE table_schema = 'public'
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
             UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace"
        }
        _ => {
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema \
             WHERE name <> 'sqlite_sequence'"
        }
    };
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database
        .connection()
        .query_all_raw(statement)
        .await
        .expect("reads the catalogue");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("text"))
        .collect()
}

/// Conformance: Configuration and command line: With an older schema the worker does not start and
/// says what to run; `migrate` has `up`, `down` and `status`
#[tokio::test]
async fn up_down_up_leaves_the_same_schema_as_up() {
    for database in TestDatabase::each().await {
        let db = database.connection();
        assert!(
            !migration::is_current(db).await.expect("reads"),
            "an empty database is not current"
        );
        assert!(
            objects(&database).await.is_empty(),
            "the status creates nothing"
        );
        migration::up(db).await.expect("up");
        let first = objects(&database).await;
        migration::down(db).await.expect("down");
        assert_eq!(
            objects(&database).await,
            BTreeSet::new(),
            "down drops everything"
        );
        migration::up(db).await.expect("up again");
        assert_eq!(objects(&database).await, first);
        assert!(migration::is_current(db).await.expect("reads"));
    }
}

#[tokio::test]
async fn down_drops_everything_also_with_rows_in_it_and_twice() {
    for database in TestDatabase::each_migrated().await {
        let job = match database.backend() {
            DbBackend::Postgres => {
                "gen_random_uuid(), 'grant', '2026-11-22', 'RUNNING', 'job:grant:2026-11-22', now()"
            }
            _ => {
                "randomblob(16), 'grant', '2026-11-22', 'RUNNING', 'job:grant:2026-11-22', \
                 '2026-11-22T01:00:00.000000+00:00'"
            }
        };
        let columns = "id, name, run_date, status, reference_id, started_at, started_by, owner";
        database
            .execute(&format!(
                "INSERT INTO job_run ({columns}) VALUES ({job}, 'w', 'w')"
            ))
            .await;
        migration::down(database.connection()).await.expect("down");
        migration::down(database.connection())
            .await
            .expect("down again");
        assert!(objects(&database).await.is_empty());
    }
}

#[tokio::test]
async fn up_twice_changes_nothing() {
    for database in TestDatabase::each_migrated().await {
        let first = objects(&database).await;
        migration::up(database.connection())
            .await
            .expect("up again");
        assert_eq!(objects(&database).await, first);
    }
}

#[tokio::test]
async fn workers_that_migrate_at_once_do_not_break_each_other() {
    for database in TestDatabase::each().await {
        let mut workers = Vec::new();
        for _ in 0..4 {
            let connection = database.connect().await;
            workers.push(tokio::spawn(async move {
                let result = migration::up(&connection).await;
                connection.close().await.expect("closes");
                result
            }));
        }
        for worker in workers {
            worker
                .await
                .expect("does not panic")
                .expect("migrates or finds it done");
        }
        assert!(
            migration::is_current(database.connection())
                .await
                .expect("reads")
        );
    }
}

#[tokio::test]
async fn status_names_every_step_and_whether_it_was_applied() {
    for database in TestDatabase::each().await {
        let db = database.connection();
        let before = migration::status(db).await.expect("reads");
        assert!(!before.is_empty() && before.iter().all(|step| !step.applied));
        migration::up(db).await.expect("up");
        let after = migration::status(db).await.expect("reads");
        assert!(after.iter().all(|step| step.applied));
        let names = |steps: &[migration::Step]| {
            steps
                .iter()
                .map(|step| step.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&before), names(&after));
    }
}

#[tokio::test]
async fn an_older_worker_accepts_a_newer_schema() {
    for database in TestDatabase::each_migrated().await {
        let later = "INSERT INTO scrip_migration (version, applied_at) \
                     VALUES ('m99990101_000001_from_the_future', 0)";
        database.execute(later).await;
        assert!(
            migration::is_current(database.connection())
                .await
                .expect("reads")
        );
        migration::up(database.connection())
            .await
            .expect("has nothing to do");
    }
}

#[tokio::test]
async fn the_embedded_queue_exists_on_sqlite_only() {
    for database in TestDatabase::each_migrated().await {
        let has_queue = objects(&database)
            .await
            .iter()
            .any(|object| object.contains("queue_message"));
        assert_eq!(has_queue, database.backend() == DbBackend::Sqlite);
    }
}

/// A database whose migration waits: the returned session holds the table of applied migrations.
async fn blocked() -> (TestDatabase, DatabaseTransaction) {
    let database = TestDatabase::postgres().await;
    Migrator::install(database.connection())
        .await
        .expect("the table of applied migrations");
    let blocker = database
        .connect()
        .await
        .begin()
        .await
        .expect("a transaction");
    let locked = blocker
        .execute_unprepared("LOCK TABLE scrip_migration")
        .await;
    locked.expect("the lock on one table");
    (database, blocker)
}

#[tokio::test]
async fn a_migration_is_retried_after_a_deadlock() {
    let (database, blocker) = blocked().await;
    // The session that waits for `deadlock_timeout` detects the deadlock and is cancelled. It must
    // be the migration, so the other one gets a long timeout.
    let long_timeout = "SET LOCAL deadlock_timeout = '1h'";
    blocker
        .execute_unprepared(long_timeout)
        .await
        .expect("a setting");
    let migrating = tokio::spawn({
        let database = database.connect().await;
        async move { migration::up(&database).await }
    });
    until_it_waits(&database, "relation").await;
    // The migration already holds its advisory lock, whose key is "scrip" in ASCII.
    blocker
        .execute_unprepared("SELECT pg_advisory_xact_lock(x'7363726970'::bigint)")
        .await
        .expect("a lock after the migration was cancelled");
    until_it_waits(&database, "advisory").await;
    blocker.rollback().await.expect("an end");
    migrating.await.expect("a task").expect("up");
    assert!(
        migration::is_current(database.connection())
            .await
            .expect("reads")
    );
}

#[tokio::test]
async fn a_migration_may_take_longer_than_the_workers_statement_timeout() {
    let (database, blocker) = blocked().await;
    let options = StoreOptions {
        statement_timeout: Duration::from_millis(50),
        ..StoreOptions::default()
    };
    let worker = Store::connect(database.url(), &options)
        .await
        .expect("a store");
    let migrating = tokio::spawn(async move { migration::up(worker.connection()).await });
    until_it_waits(&database, "relation").await;
    let longer = "SELECT pg_sleep(0.2)";
    blocker.execute_unprepared(longer).await.expect("some time");
    blocker.rollback().await.expect("an end");
    migrating.await.expect("a task").expect("up");
    assert!(
        migration::is_current(database.connection())
            .await
            .expect("reads")
    );
}

#[tokio::test]
async fn checks_that_were_added_as_not_valid_are_validated() {
    let database = TestDatabase::postgres().await.migrated().await;
    let check = "ALTER TABLE credits_balance
        ADD CONSTRAINT credits_balance_later CHECK (balance < 1000) NOT VALID";
    database.execute(check).await;
    migration::up(database.connection()).await.expect("up");
    let unseen = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated";
    let row = database
        .connection()
        .query_one_raw(Statement::from_string(DbBackend::Postgres, unseen))
        .await
        .expect("reads")
        .expect("a row");
    let unseen: i64 = row.try_get_by_index(0).expect("a number");
    assert_eq!(unseen, 0, "constraints that are not validated");
}

/// A ledger of an unreleased revision has migrations that this program does not have.
#[tokio::test]
async fn a_ledger_of_an_unreleased_revision_is_refused_and_left_alone() {
    for database in TestDatabase::each_migrated().await {
        let earlier = "UPDATE scrip_migration SET version = 'm20261122_000001_ledger'
             WHERE version = (SELECT min(version) FROM scrip_migration)";
        database.execute(earlier).await;
        let before = objects(&database).await;
        let db = database.connection();
        let refusals = [
            migration::up(db).await.expect_err("up"),
            migration::down(db).await.expect_err("down"),
            migration::is_current(db).await.expect_err("is_current"),
            migration::status(db).await.expect_err("status"),
        ];
        for refusal in refusals {
            let refusal = refusal.to_string();
            for part in ["m20261122_000001_ledger", "make a new ledger"] {
                assert!(refusal.contains(part), "{refusal}");
            }
        }
        assert_eq!(objects(&database).await, before);
    }
}

/// Waits until a session waits for a lock of this kind in this database.
async fn until_it_waits(database: &TestDatabase, kind: &str) {
    let waits = format!(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = '{kind}'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    );
    let began = Instant::now();
    loop {
        let row = database
            .connection()
            .query_one_raw(Statement::from_string(DbBackend::Postgres, &waits))
            .await
            .expect("reads")
            .expect("a row");
        if row.try_get_by_index::<bool>(0).expect("a bool") {
            return;
        }
        assert!(began.elapsed().as_secs() < 30, "no session waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
