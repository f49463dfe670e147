//! The benchmark of PostgreSQL, `pgbench`.

use testkit::db::TestDatabase;
use tokio::process::Command;

use crate::fixture::Fixture;

/// The scale factor. Each unit stands for 100,000 accounts.
const SCALE: &str = "10";
const CLIENTS: &str = "8";

/// A database with the tables of pgbench.
pub async fn fill() -> TestDatabase {
    let database = TestDatabase::postgres().await;
    let _ = pgbench(&["-i", "-q", "-s", SCALE, database.url()]).await;
    database
}

/// Transactions per second; NaN if pgbench is not installed.
pub async fn run(fixture: &Fixture) -> f64 {
    let seconds = fixture.sizes.pgbench.to_string();
    let database = fixture.pgbench().await;
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
    let output = pgbench(&arguments).await;
    let rate = output.and_then(|output| {
        let line = output
            .lines()
            .find_map(|line| line.strip_prefix("tps = "))?;
        line.split(' ').next()?.parse().ok()
    });
    rate.unwrap_or(f64::NAN)
}

async fn pgbench(arguments: &[&str]) -> Option<String> {
    let output = Command::new("pgbench")
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => panic!("pgbench: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => None,
    }
}
