//! The database's own benchmark.

use tests::db::TestDatabase;
use tokio::process::Command;

use crate::stage::Stage;

/// 100,000 accounts each.
const SCALE: &str = "10";
const CLIENTS: &str = "8";

/// A database with pgbench's tables.
pub async fn fill() -> TestDatabase {
    let database = TestDatabase::postgres().await;
    let _ = pgbench(&["-i", "-q", "-s", SCALE, database.url()]).await;
    database
}

/// Transactions a second; not a number where there is no pgbench.
pub async fn run(stage: &Stage) -> f64 {
    let seconds = stage.sizes.pgbench.to_string();
    let database = stage.pgbench().await;
    let arguments = [
        "-n",
        "-M",
        "prepared",
        "-c",
        CLIENTS,
        "-j",
        "2",
        "-T",
        &seconds,
        database.url(),
    ];
    let said = pgbench(&arguments).await;
    said.and_then(|said| {
        let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
        line.split(' ').next()?.parse().ok()
    })
    .unwrap_or(f64::NAN)
}

async fn pgbench(arguments: &[&str]) -> Option<String> {
    let output = Command::new("pgbench")
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => panic!("pgbench: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => None,
    }
}
