//! A time of day that an operator or a bad time server changes.

use std::time::{Duration, Instant};

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Fixture, Setup},
};
use testkit::stepped_clock::SteppedClock;

use crate::file::{Folder, on};

/// Offsets in minutes from the right time. A worker must continue with each of them.
const STEPS: [i64; 6] = [-3, 2, -4, 4, -1, 0];
/// Offsets in seconds with which a worker must stop: ten minutes and more than a year.
const FAR_STEPS: [i64; 4] = [600, -600, 400 * 86_400, -400 * 86_400];
/// The time during which the test checks that no command is applied.
const STANDSTILL: Duration = Duration::from_secs(1);
/// The longest time in which a group that was in its commit ends.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
const STOPPED: &str = "clocks differ too much, nothing is decided";

/// The worker's time of day is stepped. The producers' time is right.
pub async fn steps_back_and_forth(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 48);
    let mut fixture = bench.fixture(Setup::default()).await;
    let clock = SteppedClock::install(&mut fixture.deployment).await;
    let worker = fixture.worker().await;
    for minutes in STEPS.into_iter().cycle().take(times) {
        fixture.moment(300).await;
        clock.step(minutes * 60);
        let stepped = fixture.fault();
        fixture.recovered(stepped).await;
        if minutes != 0 {
            until_a_row_is_from_then(&fixture, minutes).await;
        }
    }
    clock.step(0);
    // The commands of the judge have the right time.
    SteppedClock::uninstall(&mut fixture.deployment);
    fixture.finish(vec![worker]).await
}

/// A worker decides nothing until its clock is right again. Then it decides all commands.
pub async fn far_off_and_right_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(4, 24);
    let fixture = bench.fixture(Setup::default()).await;
    let sql = "SELECT count(*) FROM credits_transaction \
               WHERE abs(extract(epoch FROM occurred_at - now())) > 480";
    stop_and_resume(fixture, times, 300, sql).await
}

/// The same on an SQLite file, where there is no clock of a server.
pub async fn of_a_file_far_off_and_right_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(4, 24);
    let folder = Folder::new();
    let fixture = bench.fixture(on(&folder.0)).await;
    let sql = "SELECT count(*) FROM credits_transaction \
               WHERE abs(strftime('%s', occurred_at) - strftime('%s', 'now')) > 480";
    let verdict = stop_and_resume(fixture, times, 40, sql).await;
    drop(folder);
    verdict
}

/// Steps the clock far off and back. `wrong` counts the rows that were decided with a wrong clock.
/// It uses a limit of 480 s, which is longer than the whole test.
async fn stop_and_resume(
    mut fixture: Fixture<'_>,
    times: usize,
    moment: u64,
    wrong: &str,
) -> Verdict {
    let clock = SteppedClock::install(&mut fixture.deployment).await;
    let worker = fixture.worker().await;
    for (done, step) in FAR_STEPS.into_iter().cycle().take(times).enumerate() {
        fixture.moment(moment).await;
        clock.step(step);
        worker.wait_for_more(STOPPED, done).await;
        // A group may have been in its commit.
        let began = Instant::now();
        loop {
            let before = applied(&fixture).await;
            tokio::time::sleep(STANDSTILL).await;
            if applied(&fixture).await == before {
                break;
            }
            assert!(began.elapsed() < STOPS_WITHIN, "decided with a wrong clock");
        }
        assert_eq!(fixture.number(wrong).await, 0, "decided with a wrong clock");
        clock.step(0);
        let right = fixture.fault();
        fixture.recovered(right).await;
    }
    SteppedClock::uninstall(&mut fixture.deployment);
    fixture.finish(vec![worker]).await
}

async fn applied(fixture: &Fixture<'_>) -> i64 {
    fixture
        .number("SELECT count(*) FROM credits_transaction")
        .await
}

/// Waits until a row has the stepped time, which proves that the step took effect.
async fn until_a_row_is_from_then(fixture: &Fixture<'_>, minutes: i64) {
    use sea_orm::{ConnectionTrait, Statement};
    let sql = "SELECT 1 FROM credits_transaction WHERE occurred_at BETWEEN \
               now() + $1 * interval '1 minute' - interval '20 seconds' AND \
               now() + $1 * interval '1 minute' + interval '20 seconds' LIMIT 1";
    loop {
        let statement = Statement::from_sql_and_values(
            fixture.ledger.get_database_backend(),
            sql,
            [minutes.into()],
        );
        if fixture
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
