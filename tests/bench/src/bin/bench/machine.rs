//! A description of the machine and the database.

use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use testkit::db;

/// The processors, the memory, and the database with its most important settings.
pub async fn describe() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse::<u64>().ok());
    let memory = kilobytes.map_or_else(
        || "unknown".to_owned(),
        |kilobytes| format!("{} GB", kilobytes >> 20),
    );
    let connection = Database::connect(db::server_url())
        .await
        .expect("a database");
    let statement = Statement::from_string(
        DbBackend::Postgres,
        "SELECT current_setting('server_version') || CASE WHEN ssl THEN ', TLS' ELSE ', no TLS' END
                || ', shared_buffers ' || current_setting('shared_buffers')
                || ', fsync ' || current_setting('fsync')
         FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );
    let row = connection
        .query_one_raw(statement)
        .await
        .expect("a query")
        .expect("a row");
    let postgres: String = row.try_get_by_index(0).expect("a version");
    let kind = if cfg!(debug_assertions) {
        "DEBUG BUILD, "
    } else {
        ""
    };
    format!("{kind}{processors} processors, {memory} of memory, PostgreSQL {postgres}")
}
