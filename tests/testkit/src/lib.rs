//! Fixtures for all tests and benchmarks: databases, queues, servers, and processes of workers.
//!
//! | module | content |
//! |---|---|
//! | `broker`, `db`, `ledger` | a namespace of RabbitMQ, a database, a database with a store |
//! | `process` | real worker processes and commands |
//! | `cluster` | three RabbitMQ nodes, and a load balancer in front of them |
//! | `replica` | a PostgreSQL primary with a standby that is promoted |
//! | `servers`, `standby`, `promotion`, `pooler` | throw-away servers that a test may stop and kill |
//! | `pair` | a PostgreSQL primary with a synchronous standby |
//! | `certificates`, `secured` | a CA and servers with TLS |
//! | `proxy`, `slow` | relays that cut, delay or hold back |
//! | `raw_amqp` | AMQP without a library: messages and peers that no library produces |
//! | `stepped_clock` | a worker with a wrong clock |
//! | `memory` | the memory of a process |
//! | `sources` | the text files of the repository |
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod broker;
pub mod certificates;
pub mod cluster;
pub mod db;
pub mod ledger;
pub mod memory;
pub mod pair;
pub mod pooler;
pub mod process;
pub mod promotion;
pub mod proxy;
pub mod raw_amqp;
pub mod replica;
pub mod secured;
pub mod servers;
pub mod slow;
pub mod sources;
pub mod standby;
pub mod stepped_clock;
