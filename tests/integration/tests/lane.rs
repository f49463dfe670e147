//! Commands through a real broker into a real database, with every kind of error on the way.

mod broken_input;
mod commit_errors;
mod database_errors;
mod fixture;
mod flood;
mod hostile;
mod order;
mod recovery;
mod rejections;
mod replies;
mod shards;
mod unanswered;
