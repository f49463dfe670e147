//! Redis: a read model of balances, and the lock of the scheduler. Both are dispensable: without Redis the worker does
//! the same, only slower. The only part of the worker that names the crate `redis`.
//!
//! | file | what |
//! |---|---|
//! | `connection` | one connection that heals by itself, and says once that it is away and once that it is back |
//! | `balances` | a key for each wallet, written only over an older version |
//! | `mirror` | writes the balances of those wallets that were changed |
//! | `lock` | who of several workers does something |
//! | `users` | what worker and apps may do, for an administrator of Redis |

mod balances;
mod connection;
mod lock;
mod mirror;
mod users;

pub use balances::Balances;
pub use connection::{Redis, RedisUrlError};
pub use mirror::Mirror;
pub use users::{UserNameError, Users};
