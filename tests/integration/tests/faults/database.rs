//! A PostgreSQL that ends, refuses or hangs, and connections to it that break at any point.

use std::time::{Duration, Instant};

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Fixture, Setup, Via},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use testkit::{
    process::Worker,
    proxy::{Direction, Proxy},
};

/// The log line of a worker that cannot commit a group.
const AWAY: &str = "group commit failed";
/// The interval at which the database is polled. The database has no event for these changes.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// PostgreSQL's default for `deadlock_timeout`, the time before it checks for a deadlock.
const DEADLOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum time until the database has counted a deadlock.
const COUNTED_WITHIN: Duration = Duration::from_secs(4);

/// The server is stopped cleanly and started again.
pub async fn restarted(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(500).await;
        fixture.servers.postgres.restart().await;
        let back = fixture.fault();
        fixture.recovered(back).await;
    }
    fixture.finish(vec![worker]).await
}

/// All processes of the server are killed at once, and it recovers from its log.
pub async fn killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(500).await;
        fixture.servers.postgres.kill_and_start().await;
        let back = fixture.fault();
        fixture.recovered(back).await;
    }
    fixture.finish(vec![worker]).await
}

/// An administrator terminates the worker's sessions at any point of their work.
pub async fn sessions_ended(bench: &mut Bench) -> Verdict {
    let times = bench.times(8, 60);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(300).await;
        assert!(
            fixture.end_sessions().await > 0,
            "a worker under load has a session"
        );
        let ended = fixture.fault();
        fixture.recovered(ended).await;
    }
    fixture.finish(vec![worker]).await
}

/// The connections are cut after a random number of bytes in one direction. Sometimes the commit is
/// done and the worker does not receive the response.
pub async fn cut_in_the_middle_of_a_group_or_its_commit(bench: &mut Bench) -> Verdict {
    let times = bench.times(12, 100);
    let mut fixture = bench.fixture(through_a_relay()).await;
    let worker = fixture.worker().await;
    for round in 0..times {
        fixture.moment(200).await;
        let direction = if round % 2 == 0 {
            Direction::ToServer
        } else {
            Direction::ToClient
        };
        let bytes = fixture.rng.within(1, 8_000);
        let before = relay(&fixture).cuts();
        relay(&fixture).cut_after(bytes, direction);
        while relay(&fixture).cuts() == before {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let cut = fixture.fault();
        fixture.recovered(cut).await;
    }
    fixture.finish(vec![worker]).await
}

/// No response arrives, and no connection ends. The worker gives up the connection and uses another
/// one to find out whether the group was committed.
pub async fn half_open(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let setup = Setup {
        environment: vec![("SCRIP__DATABASE__STATEMENT_TIMEOUT", "1s".to_owned())],
        ..through_a_relay()
    };
    let mut fixture = bench.fixture(setup).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(300).await;
        let times_before = worker.times_logged(AWAY);
        relay(&fixture).deafen();
        worker.wait_for_more(AWAY, times_before).await;
        relay(&fixture).open();
        let open = fixture.fault();
        fixture.recovered(open).await;
    }
    fixture.finish(vec![worker]).await
}

/// Every message is delayed by 20 ms, and 200 kB per second pass.
pub async fn slow_and_narrow(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 8);
    let setup = Setup {
        rate: 100,
        ..through_a_relay()
    };
    let mut fixture = bench.fixture(setup).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(100).await;
        let slow = fixture.fault();
        relay(&fixture).delay(Duration::from_millis(20));
        relay(&fixture).throttle(200_000);
        fixture.recovered(slow).await;
        fixture.moment(100).await;
        relay(&fixture).delay(Duration::ZERO);
        relay(&fixture).throttle(0);
    }
    fixture.finish(vec![worker]).await
}

fn through_a_relay() -> Setup {
    Setup {
        relays: &[Via::Database],
        ..Setup::default()
    }
}

fn relay<'a>(fixture: &'a Fixture<'_>) -> &'a Proxy {
    fixture
        .database_relay
        .as_ref()
        .expect("this row has a relay")
}

/// The worker's role gets no new connections.
pub async fn out_of_connections(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let setup = Setup {
        environment: vec![("SCRIP__DATABASE__ACQUIRE_TIMEOUT", "1s".to_owned())],
        ..Setup::default()
    };
    let mut fixture = bench.fixture(setup).await;
    // The limit does not apply to a superuser, even if the session then switches to the worker's
    // role.
    let role = format!("{}_worker", fixture.database_name());
    let url = format!(
        "postgres://{role}@{}/{}",
        Proxy::target(fixture.servers.postgres.url()),
        fixture.database_name()
    );
    fixture.deployment.set("DATABASE_URL", &url);
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(300).await;
        let limit = format!("ALTER ROLE {role} CONNECTION LIMIT 0");
        until_it_notices(
            &fixture,
            &fixture.ledger,
            &worker,
            (&limit, "acquire connection"),
        )
        .await;
        fixture
            .sql(&format!("ALTER ROLE {role} CONNECTION LIMIT -1"))
            .await;
        let lifted = fixture.fault();
        fixture.recovered(lifted).await;
    }
    fixture.finish(vec![worker]).await
}

/// The database is read-only, as after a failover to a standby that is not promoted yet.
pub async fn read_only(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    let database = fixture.database_name();
    // This session is in another database, because the read-only one does not accept the reset.
    let admin = Database::connect(fixture.servers.postgres.url())
        .await
        .expect("connects");
    for _ in 0..times {
        fixture.moment(300).await;
        let set = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
        until_it_notices(&fixture, &admin, &worker, (&set, "read-only transaction")).await;
        let reset = format!("ALTER DATABASE {database} RESET default_transaction_read_only");
        // The sessions that were opened in the meantime stay read-only, so the worker must open new
        // ones.
        admin.execute_unprepared(&reset).await.expect("resets");
        let lifted = fixture.fault();
        fixture.recovered(lifted).await;
    }
    fixture.finish(vec![worker]).await
}

/// Applies a change, terminates the worker's sessions so that new ones are affected, and waits
/// until the worker logs `sign`.
async fn until_it_notices(
    fixture: &Fixture<'_>,
    admin: &DatabaseConnection,
    worker: &Worker,
    (change, sign): (&str, &str),
) {
    let times_before = worker.times_logged(sign);
    admin.execute_unprepared(change).await.expect("changes");
    fixture.end_sessions().await;
    worker.wait_for_more(sign, times_before).await;
}

/// A session holds a lock for longer than the statement timeout.
pub async fn statements_time_out(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let setup = Setup {
        environment: vec![("SCRIP__DATABASE__STATEMENT_TIMEOUT", "1s".to_owned())],
        ..Setup::default()
    };
    let mut fixture = bench.fixture(setup).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(300).await;
        let times_before = worker.times_logged(AWAY);
        let held = fixture.ledger.begin().await.expect("begins");
        held.execute_unprepared("LOCK TABLE credits_balance IN ACCESS EXCLUSIVE MODE")
            .await
            .expect("locks");
        worker.wait_for_more(AWAY, times_before).await;
        held.rollback().await.expect("releases");
        let lifted = fixture.fault();
        fixture.recovered(lifted).await;
    }
    fixture.finish(vec![worker]).await
}

/// A real deadlock with a transaction of the test that locks two wallets in the opposite order. It
/// counts only if the worker's transaction is the victim. This is the usual case, because it has
/// waited longer.
pub async fn deadlocked(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    let session = Database::connect(fixture.database_url())
        .await
        .expect("connects");
    let lock =
        |user: &str| format!("SELECT 1 FROM credits_balance WHERE user_id = '{user}' FOR UPDATE");
    // Users with many commands. The worker locks their wallets in this order.
    let (first, last) = (lock("p0-user-0"), lock("p2-user-0"));
    let mut done = 0;
    while done < times {
        fixture.moment(200).await;
        // While the worker waits, its queue fills, so its next group contains both users. Then it
        // finds the second wallet locked by the session that waited after it.
        let blocker = session.begin().await.expect("begins");
        blocker.execute_unprepared(&last).await.expect("locks");
        until_waiting(&fixture, 1).await;
        let enough = fixture.load.count() + 150;
        while fixture.load.count() < enough {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let held = session.begin().await.expect("begins");
        let (locked, ()) = tokio::join!(held.execute_unprepared(&last), async {
            until_waiting(&fixture, 2).await;
            blocker.rollback().await.expect("releases");
        });
        locked.expect("locks");
        until_waiting(&fixture, 1).await;
        let before = deadlocks(&fixture).await;
        let begun = Instant::now();
        let locked = held.execute_unprepared(&first).await;
        held.rollback().await.expect("releases");
        if locked.is_err() {
            // The worker had waited so long that its check for a deadlock came before the deadlock.
            continue;
        }
        // A shorter time shows that the group did not contain both users.
        if begun.elapsed() > DEADLOCK_TIMEOUT / 2 {
            let lifted = fixture.fault();
            fixture.recovered(lifted).await;
            done += usize::from(is_counted(&fixture, before).await);
        }
    }
    fixture.finish(vec![worker]).await
}

/// Waits until `sessions` sessions wait for a lock.
async fn until_waiting(fixture: &Fixture<'_>, sessions: i64) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while fixture.number(sql).await < sessions {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn deadlocks(fixture: &Fixture<'_>) -> i64 {
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    fixture.number(sql).await
}

/// Whether the database counts more deadlocks than `before`. A session reports its deadlocks once a
/// second.
async fn is_counted(fixture: &Fixture<'_>, before: i64) -> bool {
    let begun = Instant::now();
    while deadlocks(fixture).await <= before {
        if begun.elapsed() > COUNTED_WITHIN {
            return false;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    true
}

/// At READ COMMITTED there are no serialization failures, so a trigger raises them after most of
/// the group is written. It continues until the worker has met one on the pessimistic path, because
/// the optimistic path does not log them.
pub async fn serialization_failures(bench: &mut Bench) -> Verdict {
    let times = bench.times(3, 30);
    let mut fixture = bench.fixture(Setup::default()).await;
    fixture
        .sql(
            "CREATE TABLE failing (is_so boolean NOT NULL);
             INSERT INTO failing VALUES (false);
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                 IF (SELECT is_so FROM failing) THEN
                     RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER fail AFTER UPDATE ON credits_balance
               FOR EACH STATEMENT EXECUTE FUNCTION fail();",
        )
        .await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(200).await;
        let times_before = worker.times_logged(AWAY);
        fixture.sql("UPDATE failing SET is_so = true").await;
        worker.wait_for_more(AWAY, times_before).await;
        fixture.sql("UPDATE failing SET is_so = false").await;
        let lifted = fixture.fault();
        fixture.recovered(lifted).await;
    }
    fixture.finish(vec![worker]).await
}
