//! A PostgreSQL that ends, refuses, hangs, and connections to it that break anywhere.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use tests::{
    faults::{
        bench::{Bench, Verdict},
        stage::{Setup, Stage, Via},
    },
    process::Worker,
    proxy::{Proxy, Way},
};

/// What a worker says when a group cannot be committed.
const AWAY: &str = "nothing can be committed";
/// How often the database is asked for what it has no event for.
const LOOK: Duration = Duration::from_millis(5);
/// How long PostgreSQL waits before it looks for a deadlock, unless it is told otherwise.
const DEADLOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the database may take to count one.
const COUNTED_WITHIN: Duration = Duration::from_secs(4);

/// Stopped in order, and started.
pub async fn restarted(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(500).await;
        stage.servers.postgres.restart().await;
        let back = stage.fault();
        stage.recovered(back).await;
    }
    stage.finish(vec![worker]).await
}

/// Every process of it dies at once, and it recovers from its log.
pub async fn killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(500).await;
        stage.servers.postgres.kill_and_start().await;
        let back = stage.fault();
        stage.recovered(back).await;
    }
    stage.finish(vec![worker]).await
}

/// As an administrator ends them, in the middle of whatever they do.
pub async fn sessions_ended(bench: &mut Bench) -> Verdict {
    let times = bench.times(8, 60);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(300).await;
        assert!(
            stage.end_sessions().await > 0,
            "a worker under load has a session"
        );
        let ended = stage.fault();
        stage.recovered(ended).await;
    }
    stage.finish(vec![worker]).await
}

/// After a random number of bytes, there or back: now and then the commit is carried out and nobody learns of it.
pub async fn cut_in_the_middle_of_a_group_or_its_commit(bench: &mut Bench) -> Verdict {
    let times = bench.times(12, 100);
    let mut stage = bench.stage(through_a_relay()).await;
    let worker = stage.worker().await;
    for round in 0..times {
        stage.moment(200).await;
        let way = if round % 2 == 0 { Way::There } else { Way::Back };
        let bytes = stage.dice.within(1, 8_000);
        let before = relay(&stage).cuts();
        relay(&stage).cut_after(bytes, way);
        while relay(&stage).cuts() == before {
            tokio::time::sleep(LOOK).await;
        }
        let cut = stage.fault();
        stage.recovered(cut).await;
    }
    stage.finish(vec![worker]).await
}

/// No answer comes, and no connection ends: the worker gives the connection up, and what became of the group it learns on
/// another.
pub async fn half_open(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let setup = Setup {
        environment: vec![("SCRIP__DATABASE__STATEMENT_TIMEOUT", "1s".to_owned())],
        ..through_a_relay()
    };
    let mut stage = bench.stage(setup).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(300).await;
        let said = worker.times_said(AWAY);
        relay(&stage).deafen();
        worker.wait_for_more(AWAY, said).await;
        relay(&stage).open();
        let open = stage.fault();
        stage.recovered(open).await;
    }
    stage.finish(vec![worker]).await
}

/// Everything takes 20 ms longer, and 200 kB a second pass.
pub async fn slow_and_narrow(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 8);
    let setup = Setup {
        rate: 100,
        ..through_a_relay()
    };
    let mut stage = bench.stage(setup).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(100).await;
        let slow = stage.fault();
        relay(&stage).delay(Duration::from_millis(20));
        relay(&stage).throttle(200_000);
        stage.recovered(slow).await;
        stage.moment(100).await;
        relay(&stage).delay(Duration::ZERO);
        relay(&stage).throttle(0);
    }
    stage.finish(vec![worker]).await
}

fn through_a_relay() -> Setup {
    Setup {
        relays: &[Via::Database],
        ..Setup::default()
    }
}

fn relay<'a>(stage: &'a Stage<'_>) -> &'a Proxy {
    stage.database_relay.as_ref().expect("this row has a relay")
}

/// The worker's role gets no connection any more.
pub async fn out_of_connections(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let setup = Setup {
        environment: vec![("SCRIP__DATABASE__ACQUIRE_TIMEOUT", "1s".to_owned())],
        ..Setup::default()
    };
    let mut stage = bench.stage(setup).await;
    // A superuser is let in whatever the limit is, also one that then takes on the worker's role.
    let role = format!("{}_worker", stage.database_name());
    let url = format!(
        "postgres://{role}@{}/{}",
        Proxy::target(stage.servers.postgres.url()),
        stage.database_name()
    );
    stage.deployment.set("DATABASE_URL", &url);
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(300).await;
        let limit = format!("ALTER ROLE {role} CONNECTION LIMIT 0");
        until_it_notices(&stage, &stage.ledger, &worker, (&limit, "acquire connection")).await;
        stage.sql(&format!("ALTER ROLE {role} CONNECTION LIMIT -1")).await;
        let lifted = stage.fault();
        stage.recovered(lifted).await;
    }
    stage.finish(vec![worker]).await
}

/// As after a failover to a standby that was not promoted yet.
pub async fn read_only(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    let database = stage.database_name();
    // In another database, for this one will not even take the way back.
    let admin = Database::connect(stage.servers.postgres.url())
        .await
        .expect("connects");
    for _ in 0..times {
        stage.moment(300).await;
        let set = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
        until_it_notices(&stage, &admin, &worker, (&set, "read-only transaction")).await;
        let reset = format!("ALTER DATABASE {database} RESET default_transaction_read_only");
        // The sessions that were opened meanwhile stay as they are: the worker has to open others.
        admin.execute_unprepared(&reset).await.expect("resets");
        let lifted = stage.fault();
        stage.recovered(lifted).await;
    }
    stage.finish(vec![worker]).await
}

/// Changes something, ends the worker's sessions so that it meets the change, and waits until it has.
async fn until_it_notices(
    stage: &Stage<'_>,
    admin: &DatabaseConnection,
    worker: &Worker,
    (change, sign): (&str, &str),
) {
    let said = worker.times_said(sign);
    admin.execute_unprepared(change).await.expect("changes");
    stage.end_sessions().await;
    worker.wait_for_more(sign, said).await;
}

/// Somebody holds a lock for longer than a statement may take.
pub async fn statements_time_out(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let setup = Setup {
        environment: vec![("SCRIP__DATABASE__STATEMENT_TIMEOUT", "1s".to_owned())],
        ..Setup::default()
    };
    let mut stage = bench.stage(setup).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(300).await;
        let said = worker.times_said(AWAY);
        let held = stage.ledger.begin().await.expect("begins");
        held.execute_unprepared("LOCK TABLE credits_balance IN ACCESS EXCLUSIVE MODE")
            .await
            .expect("locks");
        worker.wait_for_more(AWAY, said).await;
        held.rollback().await.expect("lets go");
        let lifted = stage.fault();
        stage.recovered(lifted).await;
    }
    stage.finish(vec![worker]).await
}

/// A real one, with a transaction of the test that locks two wallets the wrong way round. As a rule the worker's is the victim,
/// because it has waited for longer; only then it counts.
pub async fn deadlocked(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    let other = Database::connect(stage.database_url()).await.expect("connects");
    let lock = |user: &str| format!("SELECT 1 FROM credits_balance WHERE user_id = '{user}' FOR UPDATE");
    // Hot users, and the worker locks them in this order.
    let (first, last) = (lock("p0-user-0"), lock("p2-user-0"));
    let mut done = 0;
    while done < times {
        stage.moment(200).await;
        // While the worker waits its queue fills, so its next group has both of them; it finds the second one locked again,
        // by whom stood in line behind it.
        let dam = other.begin().await.expect("begins");
        dam.execute_unprepared(&last).await.expect("locks");
        until_waiting(&stage, 1).await;
        let enough = stage.load.count() + 150;
        while stage.load.count() < enough {
            tokio::time::sleep(LOOK).await;
        }
        let held = other.begin().await.expect("begins");
        let (locked, ()) = tokio::join!(held.execute_unprepared(&last), async {
            until_waiting(&stage, 2).await;
            dam.rollback().await.expect("lets go");
        });
        locked.expect("locks");
        until_waiting(&stage, 1).await;
        let before = deadlocks(&stage).await;
        let begun = Instant::now();
        let locked = held.execute_unprepared(&first).await;
        held.rollback().await.expect("lets go");
        if locked.is_err() {
            // The worker had waited for so long that it had looked for a deadlock before there was one.
            continue;
        }
        // Otherwise the group did not have both.
        if begun.elapsed() > DEADLOCK_TIMEOUT / 2 {
            let lifted = stage.fault();
            stage.recovered(lifted).await;
            done += usize::from(is_counted(&stage, before).await);
        }
    }
    stage.finish(vec![worker]).await
}

/// Waits until so many sessions wait for a row.
async fn until_waiting(stage: &Stage<'_>, sessions: i64) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while stage.number(sql).await < sessions {
        tokio::time::sleep(LOOK).await;
    }
}

async fn deadlocks(stage: &Stage<'_>) -> i64 {
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    stage.number(sql).await
}

/// Whether the database counts more deadlocks than so many. A session tells of its own once a second.
async fn is_counted(stage: &Stage<'_>, before: i64) -> bool {
    let begun = Instant::now();
    while deadlocks(stage).await <= before {
        if begun.elapsed() > COUNTED_WITHIN {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// At READ COMMITTED they do not come by themselves, so a trigger raises them, after most of the group is written, until the
/// worker has met one on the careful way: the quick way makes nothing of it.
pub async fn serialization_failures(bench: &mut Bench) -> Verdict {
    let times = bench.times(3, 30);
    let mut stage = bench.stage(Setup::default()).await;
    stage
        .sql(
            "CREATE TABLE failing (is_so boolean NOT NULL);
             INSERT INTO failing VALUES (false);
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                 IF (SELECT is_so FROM failing) THEN
                     RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER fail AFTER UPDATE ON credits_balance FOR EACH STATEMENT EXECUTE FUNCTION fail();",
        )
        .await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(200).await;
        let said = worker.times_said(AWAY);
        stage.sql("UPDATE failing SET is_so = true").await;
        worker.wait_for_more(AWAY, said).await;
        stage.sql("UPDATE failing SET is_so = false").await;
        let lifted = stage.fault();
        stage.recovered(lifted).await;
    }
    stage.finish(vec![worker]).await
}
