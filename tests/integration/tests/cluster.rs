//! The table of failures of a cluster of three RabbitMQ nodes, and of a PostgreSQL primary with a
//! synchronous standby. Each row injects faults under a load of mixed commands of several producers
//! that do not wait for confirms, unless the row says so. Every confirmed command must end in the
//! ledger exactly once, in the order of its user.
//!
//! The rows run one after the other on one cluster, and one table is printed:
//!
//! ```text
//! ./tests/run -p integration --test cluster                      # one fault per row, mostly
//! ./tests/run -p integration --test cluster -- --full            # many faults, and a higher load
//! ./tests/run -p integration --test cluster -- --list            # list the rows
//! ./tests/run -p integration --test cluster -- frozen --seed 7   # rows by name, with this seed
//! ```
//!
//! A frozen server is noticed by time limits. `SCRIP_TEST_NET_TICKTIME` and `SCRIP_TEST_HEARTBEAT`
//! set those of the nodes (8 s) and of the connections (5 s).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "cluster/bench.rs"]
mod bench;
#[path = "cluster/database.rs"]
mod database;
#[path = "cluster/fixture.rs"]
mod fixture;
#[path = "cluster/homes.rs"]
mod homes;
#[path = "cluster/nodes.rs"]
mod nodes;
#[path = "cluster/partitions.rs"]
mod partitions;
#[path = "cluster/workers.rs"]
mod workers;

use std::process::ExitCode;

use integration::{fault_rows, faults::program};

fn main() -> ExitCode {
    let rows = fault_rows! {
        "broker: connected node killed" => nodes::connected_node_is_killed,
        "broker: connected node killed, producers wait for confirms" =>
            nodes::connected_node_is_killed_and_producers_wait_for_confirms,
        "broker: queue leader killed" => nodes::queue_leader_is_killed,
        "broker: majority lost and back" => nodes::majority_is_lost_and_comes_back,
        "broker: connected node frozen" => nodes::connected_node_freezes_and_resumes,
        "broker: rolling restart" => nodes::nodes_are_restarted_one_by_one,
        "broker: partition, worker in the minority" => partitions::worker_is_in_the_minority,
        "broker: partition, worker in the majority" => partitions::worker_is_in_the_majority,
        "broker: one address silent" => workers::start_with_a_silent_address,
        "worker: rolling upgrade" => workers::are_replaced_one_by_one,
        "worker: starts while a node is down" => workers::start_while_any_node_is_down,
        "worker: starts while the home of a queue is down" =>
            homes::a_worker_starts_while_the_home_of_any_queue_is_down,
        "database: primary killed, standby promoted" =>
            database::primary_is_killed_and_the_standby_promoted,
        "database: primary frozen, standby promoted, primary back" =>
            database::primary_freezes_and_returns_after_the_promotion,
        "database: proxy keeps old sessions after the promotion" =>
            database::a_proxy_keeps_sessions_to_the_old_primary,
        "database: standby slow" => database::standby_is_slow,
        "database: standby gone" => database::standby_is_gone,
    };
    program::main("cluster", rows)
}
