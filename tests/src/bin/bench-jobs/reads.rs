//! Pages of a long history, read from the store and asked of a worker.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use producer_sdk::{
    Client, Options, Query,
    contract::{MAX_PAGE_SIZE, MAX_PAGED_ROWS},
};
use scrip::{
    read::{self, PageRequest},
    store::{Store, StoreOptions},
};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::{
    process::{Peak, Serving},
    seed::HISTORIAN,
    stage::Stage,
};

/// How often each page is read.
const READS: usize = 50;
/// Longer than an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a page takes, in milliseconds.
#[derive(Debug)]
pub struct Page {
    pub name: &'static str,
    /// From where it was read.
    pub from: &'static str,
    pub median: f64,
    pub worst: f64,
}

/// What was measured.
#[derive(Debug)]
pub struct Pages {
    pub pages: Vec<Page>,
    /// That of the worker that answered.
    pub worker: Peak,
}

/// A full page, as it is asked for both ways.
struct Place {
    name: &'static str,
    request: PageRequest,
    query: Query,
}

/// Reads every page both ways.
pub async fn run(stage: &Stage) -> Pages {
    let cursor = far_end(stage).await;
    let store = Store::connect(stage.database.url(), &StoreOptions::default())
        .await
        .expect("a store");
    let worker = Serving::start(&stage.deployment).await;
    let options = Options {
        namespace: stage.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(stage.broker.url(), options)
        .await
        .expect("a client");
    let mut pages = Vec::new();
    for place in places(&cursor) {
        let stored = async || {
            let page = read::history(store.read_connection(), HISTORIAN, &place.request).await;
            page.expect("a page").items.len()
        };
        pages.push(timed(place.name, "store", stored).await);
        let asked = async || {
            let answer = client.query_within(&place.query, PATIENCE).await;
            let page = answer.expect("an answer").result.expect("a page");
            page["items"].as_array().map_or(0, Vec::len)
        };
        pages.push(timed(place.name, "queue", asked).await);
    }
    client.close().await.expect("closed");
    store.close().await.expect("closed");
    Pages {
        pages,
        worker: worker.stop().await,
    }
}

/// The place before which a full page is left, the oldest.
async fn far_end(stage: &Stage) -> String {
    let sql = format!(
        "SELECT created_at, id FROM credits_transaction WHERE user_id = '{HISTORIAN}' \
         ORDER BY created_at, id LIMIT 1 OFFSET {MAX_PAGE_SIZE}"
    );
    let statement = Statement::from_string(stage.database.backend(), sql);
    let row = stage.database.connection().query_one_raw(statement).await;
    let row = row.expect("a query").expect("a transaction");
    let at: DateTime<Utc> = row.try_get_by_index(0).expect("an instant");
    let id: Uuid = row.try_get_by_index(1).expect("an id");
    format!("{}_{id}", at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn places(cursor: &str) -> [Place; 3] {
    let by_number = |name, index: u32| Place {
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
    let oldest = Place {
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
        by_number("the last page by number", MAX_PAGED_ROWS / MAX_PAGE_SIZE - 1),
    ]
}

/// Reads a page several times; `read` returns how many transactions are on it.
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
