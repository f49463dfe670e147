//! The scheduler: a due job is requested at its time, by one worker, once per date.

mod due;
mod workers;

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use producer_sdk::contract::{Job, JobRequest};
use scrip::{
    cache::Redis,
    clock::{Clock, ClockHandle},
    config::Schedule,
    jobs::scheduler::{JobQueue, Scheduler},
    jobs::{Claim, JobRun},
};
use serde_json::json;
use strum::VariantArray;
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
fn all_of(date: &str) -> Vec<String> {
    let all = Job::VARIANTS.iter();
    all.map(|job| format!("job:{}:{date}", job.as_str()))
        .collect()
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
            database: ledger.another_store().await.database().clone(),
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
        self.scheduler
            .enqueue_due()
            .await
            .expect("the database answers");
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
        let store = &self.scheduler.database;
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
        let store = &self.scheduler.database;
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
        for &job in Job::VARIANTS {
            self.run(job, date).await;
        }
    }
}
