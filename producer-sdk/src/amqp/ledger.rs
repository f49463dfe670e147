//! Checks that a namespace belongs to the ledger of a worker.

use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::ShortString;

use super::arguments;
use super::connection::open_channel;
use crate::contract::QueueSpec;
use crate::error::Cause;

/// Reply code: the queue exists with other arguments.
const PRECONDITION_FAILED: u16 = 406;

/// The namespace does not belong to the ledger of the worker.
#[derive(Debug, thiserror::Error)]
#[error("the namespace on this broker belongs to another ledger")]
struct OtherLedger(#[source] lapin::Error);

/// Declares the queue whose arguments carry the id of the ledger. The broker refuses another id.
pub(super) async fn check(connection: &Connection, queue: &QueueSpec) -> Result<(), Cause> {
    let arguments = arguments(&queue.args)?;
    let name = ShortString::try_new(queue.name.as_str())?;
    let channel = open_channel(connection).await?;
    let declaring = channel.queue_declare(name, QueueDeclareOptions::durable(), arguments);
    match declaring.await {
        Ok(_) => Ok(channel.close(200, "OK".into()).await?),
        Err(error) if code(&error) == Some(PRECONDITION_FAILED) => {
            Err(Box::new(OtherLedger(error)))
        }
        Err(error) => Err(error.into()),
    }
}

fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
