//! The scheduler: what is due is asked for when its time has come, by one worker, once for a date.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use producer_sdk::contract::{Job, JobRequest};
use scrip::{
    cache::Redis,
    clock::{Clock, Hand},
    config::Schedule,
    scheduler::{JobQueue, Scheduler},
    store::{Claim, JobRun},
};
use serde_json::json;
use tests::{db::TestDatabase, ledger::TestLedger};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);
/// Requests that a queue has room for.
const ROOM: usize = 16;
const NOTHING: [&str; 0] = [];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// What is asked for when every job is due for a date.
fn all_of(date: &str) -> [String; 3] {
    Job::ALL.map(|job| format!("job:{}:{date}", job.as_str()))
}

async fn empty() -> TestLedger {
    TestLedger::on(TestDatabase::sqlite().await).await
}

/// A namespace of a test's own; what is in it ends by itself.
fn namespace() -> String {
    format!("test-{}", Uuid::now_v7().simple())
}

/// A connection to the Redis of the tests, which has answered before: making one may take longer than anybody waits.
async fn redis(namespace: &str) -> Redis {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let redis = Redis::new(&url, namespace).expect("a URL");
    let answers = async {
        let a_moment = Duration::from_millis(1);
        while redis.lock("is-there", "test", a_moment).await.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, answers).await.expect("Redis answers");
    redis
}

/// The scheduler of one worker, with a clock that stands still, and what it asks for.
struct Worker {
    scheduler: Scheduler,
    requests: mpsc::Receiver<JobRequest>,
    hand: Hand,
}

impl Worker {
    async fn new(name: &str, ledger: &TestLedger) -> Self {
        let (clock, hand) = Clock::manual(at("2028-02-29T12:00:00Z"));
        let (sender, requests) = mpsc::channel(ROOM);
        let scheduler = Scheduler {
            schedule: Schedule::default(),
            store: ledger.another_store().await,
            redis: None,
            queue: JobQueue::Local(sender),
            clock,
            worker: name.to_owned(),
            stop: CancellationToken::new(),
        };
        Self {
            scheduler,
            requests,
            hand,
        }
    }

    fn with_redis(mut self, redis: Redis) -> Self {
        self.scheduler.redis = Some(redis);
        self
    }

    /// The same, with only the grant job running by itself.
    fn granting(mut self) -> Self {
        self.scheduler.schedule.expire = None;
        self.scheduler.schedule.verify = None;
        self
    }

    /// Looks at `now`; what it asks for.
    async fn look_at(&mut self, now: DateTime<Utc>) -> Vec<JobRequest> {
        self.hand.set(now);
        self.scheduler.look().await.expect("the database answers");
        let mut asked = Vec::new();
        while let Ok(request) = self.requests.try_recv() {
            asked.push(request);
        }
        asked
    }

    /// The same, as references.
    async fn look(&mut self, now: &str) -> Vec<String> {
        let asked = self.look_at(at(now)).await;
        asked.iter().map(JobRequest::reference_id).collect()
    }

    async fn claim(&self, job: Job, date: &str) -> Claim {
        let date: NaiveDate = date.parse().expect("a date");
        let who = ("test", self.scheduler.worker.as_str());
        let now = self.scheduler.clock.now();
        let store = &self.scheduler.store;
        let claim = store.claim_job(job.as_str(), date, who, now, false).await;
        claim.expect("the database answers")
    }

    async fn claimed(&self, job: Job, date: &str) -> JobRun {
        match self.claim(job, date).await {
            Claim::Ours(run) => run,
            Claim::Taken(run) => panic!("taken: {run:?}"),
        }
    }

    async fn finish(&self, run: &JobRun, completed: bool) {
        let now = self.scheduler.clock.now();
        let store = &self.scheduler.store;
        let finished = store.finish_job(run, completed, &json!({}), now).await;
        assert!(finished.expect("the database answers"), "it is not ours: {run:?}");
    }

    /// Runs a job from its beginning to its end.
    async fn run(&self, job: Job, date: &str) {
        let run = self.claimed(job, date).await;
        self.finish(&run, true).await;
    }

    async fn run_all(&self, date: &str) {
        for job in Job::ALL {
            self.run(job, date).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_asked_for_when_its_time_has_come_and_not_before() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2028-02-28").await;
    for (before, then, job) in [
        ("2028-02-29T00:59:59.999999Z", "2028-02-29T01:00:00Z", Job::Grant),
        ("2028-02-29T03:59:59.999999Z", "2028-02-29T04:00:00Z", Job::Expire),
        ("2028-02-29T04:59:59.999999Z", "2028-02-29T05:00:00Z", Job::Verify),
    ] {
        assert_eq!(worker.look(before).await, NOTHING, "{before}");
        let expected = JobRequest {
            job,
            date: "2028-02-29".to_owned(),
            started_by: "scheduler of one".to_owned(),
        };
        assert_eq!(worker.look_at(at(then)).await, [expected], "{then}");
        worker.run(job, "2028-02-29").await;
    }
    assert_eq!(worker.look("2028-02-29T23:59:59Z").await, NOTHING);
    assert_eq!(worker.look("2028-03-01T00:59:59Z").await, NOTHING);
    assert_eq!(
        worker.look("2028-03-01T01:00:00Z").await,
        ["job:grant:2028-03-01"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_claimed_is_asked_for_again() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    worker.claimed(Job::Expire, "2028-02-29").await;
    assert_eq!(
        worker.look(now).await,
        ["job:grant:2028-02-29", "job:verify:2028-02-29"],
        "one is being run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_off_is_never_asked_for() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let classic = worker.scheduler.schedule;
    let off = Schedule {
        grant: None,
        expire: None,
        verify: None,
    };
    worker.scheduler.schedule = off;
    let start = at("2028-02-28T00:00:00Z");
    for hour in 0..72 {
        let asked = worker.look_at(start + TimeDelta::hours(hour)).await;
        assert!(asked.is_empty(), "{asked:?}");
    }
    worker.scheduler.schedule = Schedule {
        verify: classic.verify,
        ..off
    };
    for hour in 0..72 {
        for request in worker.look_at(start + TimeDelta::hours(hour)).await {
            assert_eq!(request.job, Job::Verify, "the others are still off");
            worker.run(request.job, &request.date).await;
        }
    }
    let runs = ledger.store.job_runs(100).await.expect("runs");
    let dates: Vec<&str> = runs.iter().map(|run| run.run_date.as_str()).collect();
    assert_eq!(dates, ["2028-03-01", "2028-02-29", "2028-02-28", "2028-02-27"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_days_of_downtime_bring_one_request_for_the_newest_date() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2028-02-20").await;
    let back = "2028-03-01T00:30:00Z";
    assert_eq!(
        worker.look(back).await,
        all_of("2028-02-29"),
        "today's time has not come"
    );
    worker.run_all("2028-02-29").await;
    assert_eq!(worker.look(back).await, NOTHING);
    assert_eq!(worker.look("2028-03-01T06:00:00Z").await, all_of("2028-03-01"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_its_owner_left_is_asked_for_again_by_itself() {
    let ledger = empty().await;
    let date = "2028-02-29";
    let grant = ["job:grant:2028-02-29"];
    let mut worker = Worker::new("one", &ledger).await.granting();
    let other = Worker::new("two", &ledger).await;
    assert_eq!(worker.look("2028-02-29T01:00:00Z").await, grant);
    let left = worker.claimed(Job::Grant, date).await;
    assert_eq!(
        worker.look("2028-02-29T01:00:59Z").await,
        NOTHING,
        "he may be alive"
    );
    assert_eq!(
        worker.look("2028-02-29T01:01:00Z").await,
        grant,
        "his lease is over"
    );

    other.hand.set(at("2028-02-29T01:01:00Z"));
    let taken_over = other.claimed(Job::Grant, date).await;
    assert_eq!((taken_over.id, taken_over.owner.as_str()), (left.id, "two"));
    let (store, counts) = (&other.scheduler.store, json!({}));
    let renewed = store.renew_job(&taken_over, None, &counts, at("2028-02-29T01:01:50Z"));
    assert!(renewed.await.expect("the database answers"));
    assert_eq!(
        worker.look("2028-02-29T01:02:30Z").await,
        NOTHING,
        "the other one is alive"
    );
    let released = store.release_job(&taken_over, None, &counts, at("2028-02-29T01:02:30Z"));
    assert!(released.await.expect("the database answers"));
    assert_eq!(
        worker.look("2028-02-29T01:02:30Z").await,
        grant,
        "the other one was stopped"
    );
    assert_eq!(
        worker.look("2028-03-01T01:00:00Z").await,
        ["job:grant:2028-03-01", "job:grant:2028-02-29"],
        "the next one is due and the old one still to be finished"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_finished_is_not_asked_for_again_however_it_ended() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    for (job, completed) in [(Job::Grant, true), (Job::Expire, true), (Job::Verify, false)] {
        let run = worker.claimed(job, "2028-02-29").await;
        worker.finish(&run, completed).await;
    }
    assert_eq!(worker.look(now).await, NOTHING);
    assert_eq!(worker.look("2028-02-29T23:59:59Z").await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_for_a_date_to_come_does_not_keep_todays_from_being_asked_for() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2099-01-01").await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    worker.run_all("2028-02-29").await;
    assert_eq!(worker.look(now).await, NOTHING);
    assert_eq!(worker.look("2028-03-01T06:00:00Z").await, all_of("2028-03-01"));
    assert_eq!(
        worker.look("2099-01-01T06:00:00Z").await,
        NOTHING,
        "that one has been run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_with_the_same_redis_one_asks() {
    let ledger = empty().await;
    let namespace = namespace();
    let mut one = Worker::new("one", &ledger)
        .await
        .with_redis(redis(&namespace).await);
    let mut two = Worker::new("two", &ledger)
        .await
        .with_redis(redis(&namespace).await);
    for date in ["2028-02-28", "2028-02-29", "2028-03-01"] {
        let now = at(&format!("{date}T06:00:00Z"));
        let (by_one, by_two) = tokio::join!(one.look_at(now), two.look_at(now));
        let asked = by_one.iter().chain(&by_two);
        let mut asked: Vec<String> = asked.map(JobRequest::reference_id).collect();
        asked.sort_unstable();
        let mut expected = all_of(date);
        expected.sort_unstable();
        assert_eq!(asked, expected, "{by_one:?} {by_two:?}");
        let again = (one.look_at(now).await, two.look_at(now).await);
        assert!(again.0.is_empty() && again.1.is_empty(), "{again:?}");
        one.run_all(date).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_namespace_stops_nobody() {
    let ledger = empty().await;
    let mut one = Worker::new("one", &ledger)
        .await
        .with_redis(redis(&namespace()).await);
    let mut two = Worker::new("two", &ledger)
        .await
        .with_redis(redis(&namespace()).await);
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(one.look(now).await, all_of("2028-02-29"));
    assert_eq!(two.look(now).await, all_of("2028-02-29"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_from_redis_both_ask_and_the_claim_is_ones() {
    let ledger = empty().await;
    let namespace = namespace();
    let nobody = || Redis::new("redis://127.0.0.1:1", &namespace).expect("a URL");
    let mut one = Worker::new("one", &ledger).await.with_redis(nobody());
    let mut two = Worker::new("two", &ledger).await.with_redis(nobody());
    let (date, now) = ("2028-02-29", "2028-02-29T06:00:00Z");
    let asked = tokio::join!(one.look(now), two.look(now));
    assert_eq!(asked.0, all_of(date));
    assert_eq!(asked.1, all_of(date));
    for job in Job::ALL {
        let claims: [Claim; 2] = tokio::join!(one.claim(job, date), two.claim(job, date)).into();
        let ours = claims.iter().filter(|claim| matches!(claim, Claim::Ours(_)));
        assert_eq!(ours.count(), 1, "{claims:?}");
    }
    assert_eq!(one.look(now).await, NOTHING);
    assert_eq!(two.look(now).await, NOTHING);
    let runs = ledger.store.job_runs(100).await.expect("runs");
    assert_eq!(runs.len(), 3, "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_holds_up_nobody_and_the_rest_is_asked_for_later() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let (sender, requests) = mpsc::channel(1);
    worker.scheduler.queue = JobQueue::Local(sender);
    worker.requests = requests;
    let now = "2028-02-29T06:00:00Z";
    for (job, reference) in Job::ALL.into_iter().zip(all_of("2028-02-29")) {
        assert_eq!(worker.look(now).await, [reference]);
        worker.run(job, "2028-02-29").await;
    }
    assert_eq!(worker.look(now).await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_looks_as_soon_as_it_is_started_and_ends_when_it_is_stopped() {
    let ledger = empty().await;
    let worker = Worker::new("one", &ledger).await;
    let stop = worker.scheduler.stop.clone();
    let mut requests = worker.requests;
    let running = tokio::spawn(worker.scheduler.run());
    for job in Job::ALL {
        let request = timeout(PATIENCE, requests.recv()).await.expect("in time");
        assert_eq!(request.expect("a request").job, job);
    }
    stop.cancel();
    let ended = timeout(PATIENCE, running).await.expect("in time");
    ended.expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_leap_year_every_date_has_one_run_of_each_job() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let eve: NaiveDate = "2027-12-31".parse().expect("a date");
    let dates: Vec<String> = eve.iter_days().take(367).map(|date| date.to_string()).collect();
    assert_eq!(dates.last().map(String::as_str), Some("2028-12-31"));
    worker.hand.set(at("2027-12-31T23:00:00Z"));
    worker.run_all(&dates[0]).await;

    let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut now = at("2028-01-01T00:00:00Z");
    while now <= at("2029-01-01T00:00:00Z") {
        for request in worker.look_at(now).await {
            let job = request.job;
            worker.run(job, &request.date).await;
            asked.entry(job.as_str()).or_default().push(request.date);
        }
        now += TimeDelta::hours(1);
    }
    let runs = ledger.store.job_runs(10_000).await.expect("runs");
    assert_eq!(runs.len(), 3 * dates.len());
    assert!(runs.iter().all(|run| run.status == "COMPLETED"));
    for job in Job::ALL {
        assert_eq!(asked[job.as_str()], dates[1..], "in order, each once");
        let of_job = runs.iter().filter(|run| run.name == job.as_str());
        let mut recorded: Vec<String> = of_job.map(|run| run.run_date.clone()).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, dates);
    }
}
