//! The receiving side of a client: an exclusive reply queue on a separate connection. It is
//! replaced after every error.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Connection, Consumer};
use tokio::select;
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::connection::{Endpoint, close, open_channel};
use super::frame_filter::unreadable;
use crate::backoff::Backoff;
use crate::error::{Cause, Error, Result};
use crate::pending::Pending;

/// Receives replies until it is dropped.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) pending: Arc<Pending>,
    /// The name of the reply queue. `None` while there is none. After a change of the name open
    /// requests must be sent again.
    pub(super) queue: watch::Receiver<Option<String>>,
    stop: Option<oneshot::Sender<oneshot::Sender<()>>>,
}

impl Replies {
    pub(super) async fn connect(endpoint: Endpoint) -> Result<Self> {
        let subscription = subscribe(&endpoint).await.map_err(Error::Connect)?;
        let pending = Arc::new(Pending::default());
        let (name, queue) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(receive(
            endpoint,
            subscription,
            Arc::clone(&pending),
            name,
            stopped,
        ));
        Ok(Self {
            pending,
            queue,
            stop: Some(stop),
        })
    }

    pub(super) async fn close(&mut self) {
        let (done, finished) = oneshot::channel();
        if self.stop.take().is_some_and(|stop| stop.send(done).is_ok()) {
            let _ = finished.await;
        }
    }
}

struct Subscription {
    connection: Connection,
    consumer: Consumer,
    queue: String,
}

async fn subscribe(endpoint: &Endpoint) -> Result<Subscription, Cause> {
    let connection = endpoint.connect().await?;
    timeout(endpoint.timeout, async {
        let channel = open_channel(&connection).await?;
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await?;
        let name = queue.name().clone();
        // No acknowledgements: a reply that this process does not read is of no use to another. The
        // number of replies is limited by the number of requests.
        let options = BasicConsumeOptions {
            exclusive: true,
            no_ack: true,
            ..Default::default()
        };
        let consumer = channel
            .basic_consume(name.clone(), "".into(), options, FieldTable::default())
            .await?;
        Ok(Subscription {
            connection,
            consumer,
            queue: name.to_string(),
        })
    })
    .await?
}

async fn receive(
    endpoint: Endpoint,
    first: Subscription,
    pending: Arc<Pending>,
    name: watch::Sender<Option<String>>,
    mut stopped: oneshot::Receiver<oneshot::Sender<()>>,
) {
    let mut backoff = Backoff::new(Duration::from_secs(2));
    let mut subscription = first;
    loop {
        name.send_replace(Some(subscription.queue));
        backoff.reset();
        let stop = select! {
            stop = &mut stopped => Some(stop),
            () = deliver(subscription.consumer, &pending) => None,
        };
        name.send_replace(None);
        close(&subscription.connection).await;
        if let Some(stop) = stop {
            if let Ok(done) = stop {
                let _ = done.send(());
            }
            return;
        }
        warn!("reply queue lost, reconnecting");
        subscription = loop {
            let next = async {
                sleep(backoff.wait()).await;
                subscribe(&endpoint).await
            };
            select! {
                _ = &mut stopped => return,
                subscribed = next => match subscribed {
                    Ok(subscription) => break subscription,
                    Err(error) => debug!(%error, "reply connection failed, retrying"),
                },
            }
        };
        info!("reply queue restored");
    }
}

/// Delivers replies until the subscription ends for any reason. A cancelled subscription ends
/// without an error.
async fn deliver(mut consumer: Consumer, pending: &Pending) {
    while let Some(Ok(delivery)) = consumer.next().await {
        if let Some(error) = unreadable(&delivery.properties) {
            warn!(error, "reply with unreadable properties dropped");
            continue;
        }
        let id = delivery
            .properties
            .correlation_id()
            .as_ref()
            .map_or("", ShortString::as_str);
        pending.deliver(id, delivery.data);
    }
}
