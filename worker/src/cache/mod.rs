//! Redis: a copy of balances for apps, and the lock of the scheduler. Both are optional: the worker
//! itself reads no balance from Redis. No other part of the worker uses the crate `redis`.
//!
//! | file | content |
//! |---|---|
//! | `connection` | a connection that reconnects by itself and logs the start and end of outages |
//! | `balances` | one key per wallet, written only over the same or an older version |
//! | `mirror` | writes the balances of wallets that have changed or were queried |
//! | `lock` | a lock among workers |
//! | `users` | the privileges of workers and apps, for an administrator of Redis |

mod balances;
mod connection;
mod lock;
mod mirror;
mod users;

pub use balances::Balances;
pub use connection::{Redis, RedisUrlError};
pub use mirror::Mirror;
pub use users::{UserNameError, Users};
