//! Commands through a real broker into a real database, with every kind of error on the way.

mod broken_input;
mod commit_errors;
mod fixture;
mod flood;
mod hostile;
mod order;
mod recovery;
mod replies;
mod unanswered;
