//! A clock that an operator, or a bad time server, sets.

use std::time::Duration;

use tests::{
    faults::{
        bench::{Bench, Verdict},
        stage::{Setup, Stage},
    },
    stepped_clock::SteppedClock,
};

use crate::file::{Folder, on};

/// Minutes by which it is set, back and forth, always from where it would be: a worker goes on.
const STEPS: [i64; 6] = [-3, 2, -4, 4, -1, 0];
/// The same in seconds, so far that a worker must not go on: by ten minutes and by more than a year.
const FAR_STEPS: [i64; 4] = [600, -600, 400 * 86_400, -400 * 86_400];
/// For so long nothing may be applied while the clock is wrong.
const STANDS_STILL: Duration = Duration::from_secs(1);
const STOPPED: &str = "clocks differ too much, nothing is decided";

/// The worker's time of day jumps; the producers' does not.
pub async fn steps_back_and_forth(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 48);
    let mut stage = bench.stage(Setup::default()).await;
    let clock = SteppedClock::install(&mut stage.deployment).await;
    let worker = stage.worker().await;
    for minutes in STEPS.into_iter().cycle().take(times) {
        stage.moment(300).await;
        clock.step(minutes * 60);
        let stepped = stage.fault();
        stage.recovered(stepped).await;
        if minutes != 0 {
            until_a_row_is_from_then(&stage, minutes).await;
        }
    }
    clock.step(0);
    // What judges has the right time.
    SteppedClock::uninstall(&mut stage.deployment);
    stage.finish(vec![worker]).await
}

/// Nothing is decided until the clock is right again, and then everything is.
pub async fn far_off_and_right_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(4, 24);
    let stage = bench.stage(Setup::default()).await;
    let sql = "SELECT count(*) FROM credits_transaction \
               WHERE abs(extract(epoch FROM occurred_at - now())) > 480";
    stop_and_resume(stage, times, 300, sql).await
}

/// The same on one file, where no server has a clock.
pub async fn of_a_file_far_off_and_right_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(4, 24);
    let folder = Folder::new();
    let stage = bench.stage(on(&folder.0)).await;
    let sql = "SELECT count(*) FROM credits_transaction \
               WHERE abs(strftime('%s', occurred_at) - strftime('%s', 'now')) > 480";
    let verdict = stop_and_resume(stage, times, 40, sql).await;
    drop(folder);
    verdict
}

/// `wrong` counts the rows that were decided by a wrong clock. A row of the table takes less than the 480 s.
async fn stop_and_resume(mut stage: Stage<'_>, times: usize, moment: u64, wrong: &str) -> Verdict {
    let clock = SteppedClock::install(&mut stage.deployment).await;
    let worker = stage.worker().await;
    for (done, step) in FAR_STEPS.into_iter().cycle().take(times).enumerate() {
        stage.moment(moment).await;
        clock.step(step);
        worker.wait_for_more(STOPPED, done).await;
        // A group may have been at its commit.
        tokio::time::sleep(STANDS_STILL).await;
        let applied = applied(&stage).await;
        tokio::time::sleep(STANDS_STILL).await;
        assert_eq!(self::applied(&stage).await, applied, "decided by a wrong clock");
        assert_eq!(stage.number(wrong).await, 0, "decided by a wrong clock");
        clock.step(0);
        let right = stage.fault();
        stage.recovered(right).await;
    }
    SteppedClock::uninstall(&mut stage.deployment);
    stage.finish(vec![worker]).await
}

async fn applied(stage: &Stage<'_>) -> i64 {
    stage.number("SELECT count(*) FROM credits_transaction").await
}

/// The step has really been taken: there is a row of that time.
async fn until_a_row_is_from_then(stage: &Stage<'_>, minutes: i64) {
    use sea_orm::{ConnectionTrait, Statement};
    let sql = "SELECT 1 FROM credits_transaction WHERE occurred_at BETWEEN \
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
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
