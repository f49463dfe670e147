//! The two transports of messages and replies: RabbitMQ, and a queue in an SQLite file.

pub mod amqp;
pub mod embedded;
