//! A clock that an operator, or a bad time server, sets.

use std::path::{Path, PathBuf};

use tests::faults::{
    bench::{Bench, Verdict},
    stage::{Setup, Stage},
};
use tokio::process::Command;

/// Minutes by which it is set, back and forth, always from where it would be.
const STEPS: [i64; 6] = [-10, 3, -90, 45, -1, 0];

/// The worker's time of day jumps; the producers' does not.
pub async fn steps_back_and_forth(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 48);
    let mut stage = bench.stage(Setup::default()).await;
    let step = stage.deployment.folder().join("step");
    set(&step, 0);
    let library = build(stage.deployment.folder()).await;
    stage.deployment.set("LD_PRELOAD", &library.display().to_string());
    stage
        .deployment
        .set("SCRIP_TEST_CLOCK", &step.display().to_string());
    let worker = stage.worker().await;
    for minutes in STEPS.into_iter().cycle().take(times) {
        stage.moment(300).await;
        set(&step, minutes * 60);
        let stepped = stage.fault();
        stage.recovered(stepped).await;
        if minutes != 0 {
            until_a_row_is_from_then(&stage, minutes).await;
        }
    }
    set(&step, 0);
    // What judges has the right time.
    stage.deployment.set("LD_PRELOAD", "");
    stage.finish(vec![worker]).await
}

/// The step has really been taken: there is a row of that time.
async fn until_a_row_is_from_then(stage: &Stage<'_>, minutes: i64) {
    use sea_orm::{ConnectionTrait, Statement};
    let sql = "SELECT 1 FROM credits_transaction WHERE created_at BETWEEN \
               now() + $1 * interval '1 minute' - interval '20 seconds' AND \
               now() + $1 * interval '1 minute' + interval '20 seconds' LIMIT 1";
    loop {
        let statement =
            Statement::from_sql_and_values(stage.ledger.get_database_backend(), sql, [minutes.into()]);
        if stage
            .ledger
            .query_one_raw(statement)
            .await
            .expect("an answer")
            .is_some()
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn set(file: &Path, seconds: i64) {
    // Renamed into place, so that nobody reads half of it.
    let new = file.with_extension("new");
    std::fs::write(&new, seconds.to_string()).expect("a writable folder");
    std::fs::rename(new, file).expect("a writable folder");
}

async fn build(folder: &Path) -> PathBuf {
    let library = folder.join("step.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock/step.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl");
    let output = compiler.output().await.expect("a C compiler");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library
}
