//! Pages of a long history, read from the store and queried from a worker.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use producer_sdk::{
    Client, Options, Query,
    contract::{MAX_PAGE_SIZE, MAX_PAGED_ROWS},
};
use scrip::{
    db::StoreOptions,
    read::{self, PageRequest},
    store::Store,
};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::{
    fixture::Fixture,
    process::{Peak, Serving},
    seed::HISTORIAN,
};

/// The number of reads of each page.
const READS: usize = 50;
/// The time limit for a reply.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The latency of a page in milliseconds.
#[derive(Debug)]
pub struct Page {
    pub name: &'static str,
    /// The source of the page: `store` or `queue`.
    pub from: &'static str,
    pub median: f64,
    pub worst: f64,
}

/// The latencies of all pages.
#[derive(Debug)]
pub struct Pages {
    pub pages: Vec<Page>,
    /// The peak memory of the worker that replied to the queries.
    pub worker: Peak,
}

/// A full page, as a request to the store and as a query to a worker.
struct PageCase {
    name: &'static str,
    request: PageRequest,
    query: Query,
}

/// Reads every page from the store and from a worker.
pub async fn run(fixture: &Fixture) -> Pages {
    let cursor = far_end(fixture).await;
    let store = Store::connect(fixture.database.url(), &StoreOptions::default())
        .await
        .expect("a store");
    let worker = Serving::start(&fixture.deployment).await;
    let options = Options {
        namespace: fixture.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(fixture.broker.url(), options)
        .await
        .expect("a client");
    let mut pages = Vec::new();
    for case in page_cases(&cursor) {
        let stored = async || {
            let page = read::history(store.read_connection(), HISTORIAN, &case.request).await;
            page.expect("a page").items.len()
        };
        pages.push(timed(case.name, "store", stored).await);
        let queried = async || {
            let answer = client.query_within(&case.query, TIMEOUT).await;
            let page = answer.expect("an answer").result.expect("a page");
            page["items"].as_array().map_or(0, Vec::len)
        };
        pages.push(timed(case.name, "queue", queried).await);
    }
    client.close().await.expect("closed");
    store.close().await.expect("closed");
    Pages {
        pages,
        worker: worker.stop().await,
    }
}

/// The cursor before which exactly one full page is left, the oldest one.
async fn far_end(fixture: &Fixture) -> String {
    let sql = format!(
        "SELECT created_at, id FROM credits_transaction WHERE user_id = '{HISTORIAN}' \
         ORDER BY created_at, id LIMIT 1 OFFSET {MAX_PAGE_SIZE}"
    );
    let statement = Statement::from_string(fixture.database.backend(), sql);
    let row = fixture.database.connection().query_one_raw(statement).await;
    let row = row.expect("a query").expect("a transaction");
    let at: DateTime<Utc> = row.try_get_by_index(0).expect("an instant");
    let id: Uuid = row.try_get_by_index(1).expect("an id");
    format!("{}_{id}", at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn page_cases(cursor: &str) -> [PageCase; 3] {
    let by_number = |name, index: u32| PageCase {
        name,
        request: PageRequest {
            limit: MAX_PAGE_SIZE,
            before: None,
            skip: index * MAX_PAGE_SIZE,
        },
        query: Query::Transactions {
            user_id: HISTORIAN.to_owned(),
            page_index: Some(index),
            page_size: Some(MAX_PAGE_SIZE),
            cursor: None,
        },
    };
    let oldest = PageCase {
        name: "the oldest page, by cursor",
        request: PageRequest {
            limit: MAX_PAGE_SIZE,
            before: Some(cursor.parse().expect("a cursor")),
            skip: 0,
        },
        query: Query::Transactions {
            user_id: HISTORIAN.to_owned(),
            page_index: None,
            page_size: Some(MAX_PAGE_SIZE),
            cursor: Some(cursor.to_owned()),
        },
    };
    [
        by_number("the first page", 0),
        oldest,
        by_number(
            "the last page by number",
            MAX_PAGED_ROWS / MAX_PAGE_SIZE - 1,
        ),
    ]
}

/// Reads a page several times. `read` returns the number of transactions on the page.
async fn timed(name: &'static str, from: &'static str, read: impl AsyncFn() -> usize) -> Page {
    let mut millis = Vec::with_capacity(READS);
    for _ in 0..READS {
        let started = Instant::now();
        let rows = read().await;
        millis.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!(rows, MAX_PAGE_SIZE as usize, "{name}");
    }
    millis.sort_by(f64::total_cmp);
    Page {
        name,
        from,
        median: millis[READS / 2],
        worst: millis[READS - 1],
    }
}
