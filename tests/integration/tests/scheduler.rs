//! The scheduler: a due job is requested at its time, by one worker, once per date.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use producer_sdk::contract::{Job, JobRequest};
use scrip::{
    cache::Redis,
    clock::{Clock, ClockHandle},
    config::Schedule,
    jobs::scheduler::{JobQueue, Scheduler},
    store::{Claim, JobRun},
};
use serde_json::json;
use testkit::{db::TestDatabase, ledger::TestLedger};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_mins(1);
/// The capacity of a queue of requests.
const QUEUE_CAPACITY: usize = 16;
const NOTHING: [&str; 0] = [];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The references of the requests if every job is due for a date.
fn all_of(date: &str) -> [String; 3] {
    Job::ALL.map(|job| format!("job:{}:{date}", job.as_str()))
}

async fn empty() -> TestLedger {
    TestLedger::on(TestDatabase::sqlite().await).await
}

/// A namespace that belongs to one test. Its keys expire.
fn namespace() -> String {
    format!("test-{}", Uuid::now_v7().simple())
}

/// An established connection to the tests' Redis. A new connection may take longer than the
/// scheduler's timeout.
async fn redis(namespace: &str) -> Redis {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let redis = Redis::new(&url, namespace).expect("a URL");
    let answers = async {
        let a_moment = Duration::from_millis(1);
        while redis.lock("is-there", "test", a_moment).await.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, answers).await.expect("Redis answers");
    redis
}

/// The scheduler of one worker with a stopped clock, and its requests.
struct Worker {
    scheduler: Scheduler,
    requests: mpsc::Receiver<JobRequest>,
    clock_handle: ClockHandle,
}

impl Worker {
    async fn new(name: &str, ledger: &TestLedger) -> Self {
        let (clock, clock_handle) = Clock::manual(at("2028-02-29T12:00:00Z"));
        let (sender, requests) = mpsc::channel(QUEUE_CAPACITY);
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
            clock_handle,
        }
    }

    fn with_redis(mut self, redis: Redis) -> Self {
        self.scheduler.redis = Some(redis);
        self
    }

    /// The same scheduler with only the grant job enabled.
    fn granting(mut self) -> Self {
        self.scheduler.schedule.expire = None;
        self.scheduler.schedule.verify = None;
        self
    }

    /// Runs the scheduler's check at `now` and returns its requests.
    async fn look_at(&mut self, now: DateTime<Utc>) -> Vec<JobRequest> {
        self.clock_handle.set(now);
        self.scheduler.look().await.expect("the database answers");
        let mut requested = Vec::new();
        while let Ok(request) = self.requests.try_recv() {
            requested.push(request);
        }
        requested
    }

    /// Like [`Worker::look_at`], but returns the references of the requests.
    async fn look(&mut self, now: &str) -> Vec<String> {
        let requested = self.look_at(at(now)).await;
        requested.iter().map(JobRequest::reference_id).collect()
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
        assert!(
            finished.expect("the database answers"),
            "the run belongs to another worker: {run:?}"
        );
    }

    /// Claims and finishes a run of a job.
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

/// Conformance: Scheduler and jobs: The scheduler requests each date once, when it is due and not
/// before, throughout a leap year
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_requested_at_its_time_and_not_before() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2028-02-28").await;
    for (before, then, job) in [
        (
            "2028-02-29T00:59:59.999999Z",
            "2028-02-29T01:00:00Z",
            Job::Grant,
        ),
        (
            "2028-02-29T03:59:59.999999Z",
            "2028-02-29T04:00:00Z",
            Job::Expire,
        ),
        (
            "2028-02-29T04:59:59.999999Z",
            "2028-02-29T05:00:00Z",
            Job::Verify,
        ),
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
async fn an_unclaimed_run_is_requested_again() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    worker.claimed(Job::Expire, "2028-02-29").await;
    assert_eq!(
        worker.look(now).await,
        ["job:grant:2028-02-29", "job:verify:2028-02-29"],
        "one job is running"
    );
}

/// Conformance: Scheduler and jobs: The time of each job is configurable, and each job can be
/// turned off
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_off_is_never_requested() {
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
        let requested = worker.look_at(start + TimeDelta::hours(hour)).await;
        assert!(requested.is_empty(), "{requested:?}");
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
    assert_eq!(
        dates,
        ["2028-03-01", "2028-02-29", "2028-02-28", "2028-02-27"]
    );
}

/// Conformance: Scheduler and jobs: One job run catches up with everything missed during downtime
#[tokio::test(flavor = "multi_thread")]
async fn ten_days_of_downtime_bring_one_request_for_the_newest_date() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2028-02-20").await;
    let back = "2028-03-01T00:30:00Z";
    assert_eq!(
        worker.look(back).await,
        all_of("2028-02-29"),
        "today's run is not due yet"
    );
    worker.run_all("2028-02-29").await;
    assert_eq!(worker.look(back).await, NOTHING);
    assert_eq!(
        worker.look("2028-03-01T06:00:00Z").await,
        all_of("2028-03-01")
    );
}

/// Conformance: Scheduler and jobs: An abandoned job run is resumed automatically
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_run_is_requested_again() {
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
        "the owner may be alive"
    );
    assert_eq!(
        worker.look("2028-02-29T01:01:00Z").await,
        grant,
        "the owner's lease has expired"
    );

    other.clock_handle.set(at("2028-02-29T01:01:00Z"));
    let taken_over = other.claimed(Job::Grant, date).await;
    assert_eq!((taken_over.id, taken_over.owner.as_str()), (left.id, "two"));
    let (store, counts) = (&other.scheduler.store, json!({}));
    let renewed = store.renew_job(&taken_over, None, &counts, at("2028-02-29T01:01:50Z"));
    assert!(renewed.await.expect("the database answers"));
    assert_eq!(
        worker.look("2028-02-29T01:02:30Z").await,
        NOTHING,
        "the other worker is alive"
    );
    let released = store.release_job(&taken_over, None, &counts, at("2028-02-29T01:02:30Z"));
    assert!(released.await.expect("the database answers"));
    assert_eq!(
        worker.look("2028-02-29T01:02:30Z").await,
        grant,
        "the other worker was stopped"
    );
    assert_eq!(
        worker.look("2028-03-01T01:00:00Z").await,
        ["job:grant:2028-03-01", "job:grant:2028-02-29"],
        "the next run is due and the old one is not finished"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_run_is_not_requested_again_after_any_result() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    for (job, completed) in [
        (Job::Grant, true),
        (Job::Expire, true),
        (Job::Verify, false),
    ] {
        let run = worker.claimed(job, "2028-02-29").await;
        worker.finish(&run, completed).await;
    }
    assert_eq!(worker.look(now).await, NOTHING);
    assert_eq!(worker.look("2028-02-29T23:59:59Z").await, NOTHING);
}

/// Conformance: Scheduler and jobs: One job run catches up with everything missed during downtime
#[tokio::test(flavor = "multi_thread")]
async fn a_run_for_a_future_date_does_not_prevent_the_request_of_today() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2099-01-01").await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    worker.run_all("2028-02-29").await;
    assert_eq!(worker.look(now).await, NOTHING);
    assert_eq!(
        worker.look("2028-03-01T06:00:00Z").await,
        all_of("2028-03-01")
    );
    assert_eq!(
        worker.look("2099-01-01T06:00:00Z").await,
        NOTHING,
        "the future run is done"
    );
}

/// Conformance: Scheduler and jobs: With Redis, only one worker enqueues each job run
#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_with_the_same_redis_one_sends_the_requests() {
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
        let requested = by_one.iter().chain(&by_two);
        let mut requested: Vec<String> = requested.map(JobRequest::reference_id).collect();
        requested.sort_unstable();
        let mut expected = all_of(date);
        expected.sort_unstable();
        assert_eq!(requested, expected, "{by_one:?} {by_two:?}");
        let again = (one.look_at(now).await, two.look_at(now).await);
        assert!(again.0.is_empty() && again.1.is_empty(), "{again:?}");
        one.run_all(date).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_namespace_has_no_effect() {
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

/// Conformance: Scheduler and jobs: With Redis, only one worker enqueues each job run
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_both_workers_send_requests_and_one_gets_the_claim() {
    let ledger = empty().await;
    let namespace = namespace();
    let unreachable_redis = || Redis::new("redis://127.0.0.1:1", &namespace).expect("a URL");
    let mut one = Worker::new("one", &ledger)
        .await
        .with_redis(unreachable_redis());
    let mut two = Worker::new("two", &ledger)
        .await
        .with_redis(unreachable_redis());
    let (date, now) = ("2028-02-29", "2028-02-29T06:00:00Z");
    let requested = tokio::join!(one.look(now), two.look(now));
    assert_eq!(requested.0, all_of(date));
    assert_eq!(requested.1, all_of(date));
    for job in Job::ALL {
        let claims: [Claim; 2] = tokio::join!(one.claim(job, date), two.claim(job, date)).into();
        let ours = claims
            .iter()
            .filter(|claim| matches!(claim, Claim::Ours(_)));
        assert_eq!(ours.count(), 1, "{claims:?}");
    }
    assert_eq!(one.look(now).await, NOTHING);
    assert_eq!(two.look(now).await, NOTHING);
    let runs = ledger.store.job_runs(100).await.expect("runs");
    assert_eq!(runs.len(), 3, "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_does_not_block_and_the_rest_is_requested_later() {
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

/// Conformance: Scheduler and jobs: The scheduler requests each date once, when it is due and not
/// before, throughout a leap year
#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_checks_at_its_start_and_ends_when_it_is_stopped() {
    let ledger = empty().await;
    let worker = Worker::new("one", &ledger).await;
    let stop = worker.scheduler.stop.clone();
    let mut requests = worker.requests;
    let running = tokio::spawn(worker.scheduler.run());
    for job in Job::ALL {
        let request = timeout(TIMEOUT, requests.recv()).await.expect("in time");
        assert_eq!(request.expect("a request").job, job);
    }
    stop.cancel();
    let ended = timeout(TIMEOUT, running).await.expect("in time");
    ended.expect("a clean end");
}

/// Conformance: Scheduler and jobs: Each date of a job becomes due once, from the scheduled time on
/// Conformance: Scheduler and jobs: The scheduler requests each date once, when it is due and not
/// before, throughout a leap year
#[tokio::test(flavor = "multi_thread")]
async fn in_a_leap_year_every_date_has_one_run_of_each_job() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let eve: NaiveDate = "2027-12-31".parse().expect("a date");
    let dates: Vec<String> = eve
        .iter_days()
        .take(367)
        .map(|date| date.to_string())
        .collect();
    assert_eq!(dates.last().map(String::as_str), Some("2028-12-31"));
    worker.clock_handle.set(at("2027-12-31T23:00:00Z"));
    worker.run_all(&dates[0]).await;

    let mut requested: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut now = at("2028-01-01T00:00:00Z");
    while now <= at("2029-01-01T00:00:00Z") {
        for request in worker.look_at(now).await {
            let job = request.job;
            worker.run(job, &request.date).await;
            requested
                .entry(job.as_str())
                .or_default()
                .push(request.date);
        }
        now += TimeDelta::hours(1);
    }
    let runs = ledger.store.job_runs(10_000).await.expect("runs");
    assert_eq!(runs.len(), 3 * dates.len());
    assert!(runs.iter().all(|run| run.status == "COMPLETED"));
    for job in Job::ALL {
        assert_eq!(requested[job.as_str()], dates[1..], "in order, each once");
        let of_job = runs.iter().filter(|run| run.name == job.as_str());
        let mut recorded: Vec<String> = of_job.map(|run| run.run_date.clone()).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, dates);
    }
}
