//! The webhooks of payment providers: signed events of every kind and version lead to exactly the
//! right ledger.

#[path = "webhooks/crash.rs"]
mod crash;
#[path = "webhooks/creem.rs"]
mod creem;
#[path = "webhooks/events.rs"]
mod events;
#[path = "webhooks/lives.rs"]
mod lives;
#[path = "webhooks/operators.rs"]
mod operators;
#[path = "webhooks/orders.rs"]
mod orders;
#[path = "webhooks/outage.rs"]
mod outage;
#[path = "webhooks/reconcile.rs"]
mod reconcile;
#[path = "webhooks/role.rs"]
mod role;
#[path = "webhooks/sender.rs"]
mod sender;
#[path = "webhooks/signatures.rs"]
mod signatures;
#[path = "webhooks/simulation.rs"]
mod simulation;
#[path = "webhooks/story.rs"]
mod story;
#[path = "webhooks/stripe.rs"]
mod stripe;
#[path = "webhooks/tables.rs"]
mod tables;
#[path = "webhooks/tales.rs"]
mod tales;
#[path = "webhooks/tls.rs"]
mod tls;
