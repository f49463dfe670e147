//! The table of faults. Each row injects faults under a load of mixed commands of several
//! producers. Every confirmed command must end in the ledger exactly once, in the order of its
//! user.
//!
//! The rows run one after the other on throw-away servers, and one table is printed:
//!
//! ```text
//! ./tests/run -p integration --test faults                      # a few faults per row
//! ./tests/run -p integration --test faults -- --full            # many faults: over half an hour
//! ./tests/run -p integration --test faults -- --list            # list the rows
//! ./tests/run -p integration --test faults -- redis --seed 7    # rows by name, with this seed
//! ```
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "faults/broker.rs"]
mod broker;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/database.rs"]
mod database;
#[path = "faults/file.rs"]
mod file;
#[path = "faults/http.rs"]
mod http;
#[path = "faults/messages.rs"]
mod messages;
#[path = "faults/redis.rs"]
mod redis;
#[path = "faults/shards.rs"]
mod shards;
#[path = "faults/worker.rs"]
mod worker;

use std::process::ExitCode;

use integration::{fault_rows, faults::program};

fn main() -> ExitCode {
    let rows = fault_rows! {
        "worker: SIGKILL at random moments" => worker::killed_at_random_moments_and_started_again,
        "worker: SIGTERM, another waits" => worker::asked_to_stop_while_another_waits,
        "worker: SIGSTOP beyond the heartbeat, another waits" =>
            worker::suspended_for_longer_than_the_heartbeat,
        "worker: two to four of them join and leave" => worker::two_then_four_join_and_leave,
        "broker: restarted" => broker::restarted,
        "broker: SIGKILL" => broker::killed,
        "broker: cut while producers publish" => broker::cut_while_producers_publish,
        "broker: cut while it confirms" => broker::cut_while_it_confirms,
        "broker: cut while workers acknowledge" => broker::cut_while_workers_acknowledge,
        "broker: cut while it delivers" => broker::cut_while_it_delivers,
        "broker: half-open beyond the heartbeat" => broker::half_open_for_longer_than_the_heartbeat,
        "broker: blocks publishers" => broker::blocks_publishers,
        "broker: closes every channel" => broker::closes_every_channel,
        "broker: a queue is deleted" => broker::a_queue_is_deleted,
        "database: restarted" => database::restarted,
        "database: SIGKILL" => database::killed,
        "database: sessions ended" => database::sessions_ended,
        "database: cut in the middle of a group or its commit" =>
            database::cut_in_the_middle_of_a_group_or_its_commit,
        "database: half-open" => database::half_open,
        "database: slow and narrow" => database::slow_and_narrow,
        "database: out of connections" => database::out_of_connections,
        "database: read-only" => database::read_only,
        "database: statement timeout" => database::statements_time_out,
        "database: deadlock" => database::deadlocked,
        "database: serialization failure" => database::serialization_failures,
        "file: disk full" => file::disk_full,
        "file: worker SIGKILL" => file::its_worker_is_killed,
        "redis: SIGKILL and emptied" => redis::killed_and_emptied,
        "clock: steps back and forth" => clock::steps_back_and_forth,
        "clock: far off and right again" => clock::far_off_and_right_again,
        "clock: of a file, far off and right again" =>
            clock::of_a_file_far_off_and_right_again,
        "shards: another number, drained first" => shards::changed_when_drained,
        "shards: another number, messages queued" => shards::changed_while_messages_are_queued,
        "schema: newer than the worker" => shards::the_schema_changes_under_serving_workers,
        "messages: poison and rubbish in between" => messages::poison_and_rubbish_between_good_ones,
        "messages: each many times" => messages::each_sent_many_times,
        "http: SIGKILL" => http::killed_and_started_again,
        "http: cut in a request" => http::cut_in_a_request,
        "http: cut before the response" => http::cut_before_the_response,
        "http: broker SIGKILL" => http::broker_is_killed,
    };
    program::main("faults", rows)
}
