//! [`Client`]: sends commands and queries, and waits for the replies.

#[cfg(feature = "embedded")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

#[cfg(feature = "amqp")]
use crate::amqp::AmqpClient;
use crate::contract::{
    Answer, BalanceResult, BatchesResult, CanPurchaseResult, Command, Outcome, PackagesResult,
    PriceResult, Query, Reply, TransactionsResult,
};
#[cfg(feature = "embedded")]
use crate::embedded::{EmbeddedClient, Source};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::patience::Patience;
use crate::transport::Scheme;

/// Sends commands and waits for their outcomes. Sends queries and waits for their results.
///
/// Any number of tasks can share a client (`&Client`, or a clone). [`Options::window`] limits
/// the number of requests that wait at once. After a lost connection the client reconnects and
/// repeats the open requests. The outcome of a command that was applied in the meantime is
/// returned, not lost.
///
/// Clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<Transport>,
    pub(crate) deadline: Duration,
    confirm_timeout: Duration,
}

#[derive(Debug)]
enum Transport {
    #[cfg(feature = "amqp")]
    Amqp(AmqpClient),
    #[cfg(feature = "embedded")]
    Embedded(EmbeddedClient),
}

impl Client {
    /// Connects by URL: `amqp://…`, `amqps://…`, or `sqlite:///path/to/scrip.db` for the embedded
    /// queue.
    ///
    /// The nodes of a RabbitMQ cluster are a list of URLs, separated by commas, that differ in host
    /// and port only. The first one that answers is used, also after a lost connection.
    pub async fn connect(url: &str, options: Options) -> Result<Self> {
        let (deadline, confirm_timeout) = (options.deadline, options.confirm_timeout);
        let transport = match Scheme::from_url(url)? {
            #[cfg(feature = "amqp")]
            Scheme::Amqp => Transport::Amqp(AmqpClient::connect(url, &options).await?),
            #[cfg(feature = "embedded")]
            Scheme::Sqlite => {
                let source = Source::Url(url.to_owned());
                Transport::Embedded(EmbeddedClient::open(&source, &options).await?)
            }
        };
        Ok(Self {
            transport: Arc::new(transport),
            deadline,
            confirm_timeout,
        })
    }

    /// Opens the embedded queue in a file.
    #[cfg(feature = "embedded")]
    pub async fn open(path: impl Into<PathBuf>, options: Options) -> Result<Self> {
        let (deadline, confirm_timeout) = (options.deadline, options.confirm_timeout);
        let client = EmbeddedClient::open(&Source::Path(path.into()), &options).await?;
        Ok(Self {
            transport: Arc::new(Transport::Embedded(client)),
            deadline,
            confirm_timeout,
        })
    }

    /// Sends a command and waits for its outcome. A refusal is an outcome, not an error.
    pub async fn send(&self, command: &Command) -> Result<Outcome> {
        self.send_within(command, self.deadline).await
    }

    /// Like [`send`](Self::send), with a separate deadline.
    pub async fn send_within(&self, command: &Command, deadline: Duration) -> Result<Outcome> {
        let commands = std::slice::from_ref(command);
        let mut outcomes = self.outcomes(commands, Patience::of(deadline)).await?;
        outcomes.pop().unwrap_or(Err(Error::Closed))
    }

    /// Sends commands in this order, without waiting for one before the next is sent, and waits for
    /// their outcomes. Returns one result for each command. An error means that none was sent.
    ///
    /// Waits until the window has space for all of them. If one is not published in time, none
    /// after it is. `deadline` limits the wait for the outcomes only: for its confirm each command
    /// has [`Options::confirm_timeout`]. Without an outcome in time the result is
    /// [`Error::NoReply`] with `confirmed`.
    pub async fn send_all(
        &self,
        commands: &[Command],
        deadline: Duration,
    ) -> Result<Vec<Result<Outcome>>> {
        let patience = Patience::of_reply(deadline, self.confirm_timeout);
        self.outcomes(commands, patience).await
    }

    async fn outcomes(
        &self,
        commands: &[Command],
        patience: Patience,
    ) -> Result<Vec<Result<Outcome>>> {
        let replies = match &*self.transport {
            #[cfg(feature = "amqp")]
            Transport::Amqp(client) => client.send_all(commands, patience).await?,
            #[cfg(feature = "embedded")]
            Transport::Embedded(client) => client.send_all(commands, patience).await?,
        };
        let replies = commands.iter().zip(replies);
        Ok(replies
            .map(|(command, reply)| outcome(command, reply?))
            .collect())
    }

    /// The balance of a user's wallet.
    pub async fn balance(&self, user_id: &str) -> Result<BalanceResult> {
        self.balance_within(user_id, self.deadline).await
    }

    /// Like [`balance`](Self::balance), with a separate deadline.
    pub async fn balance_within(&self, user_id: &str, deadline: Duration) -> Result<BalanceResult> {
        self.query_result(&Query::balance(user_id), deadline).await
    }

    /// One page of a user's transactions, newest first. `page_index` starts at 0, `page_size` is 1
    /// to 100.
    ///
    /// Page numbers reach 10,000 rows. [`transactions_after`](Self::transactions_after) reaches all
    /// rows.
    pub async fn transactions(
        &self,
        user_id: &str,
        page_index: u32,
        page_size: u32,
    ) -> Result<TransactionsResult> {
        let query = Query::Transactions {
            user_id: user_id.to_owned(),
            page_index: Some(page_index),
            page_size: Some(page_size),
            cursor: None,
        };
        self.query_result(&query, self.deadline).await
    }

    /// The page after an earlier page, by the `next_cursor` of that page.
    pub async fn transactions_after(
        &self,
        user_id: &str,
        cursor: &str,
        page_size: u32,
    ) -> Result<TransactionsResult> {
        let query = Query::Transactions {
            user_id: user_id.to_owned(),
            page_index: None,
            page_size: Some(page_size),
            cursor: Some(cursor.to_owned()),
        };
        self.query_result(&query, self.deadline).await
    }

    /// A user's batches with credits left, in the order in which they are spent.
    pub async fn batches(&self, user_id: &str) -> Result<BatchesResult> {
        let query = Query::Batches {
            user_id: user_id.to_owned(),
            all: false,
        };
        self.query_result(&query, self.deadline).await
    }

    /// All batches of a user. Empty and expired batches come last.
    pub async fn all_batches(&self, user_id: &str) -> Result<BatchesResult> {
        let query = Query::Batches {
            user_id: user_id.to_owned(),
            all: true,
        };
        self.query_result(&query, self.deadline).await
    }

    /// The price of `quantity` units of a service.
    pub async fn price(&self, service: &str, quantity: i64) -> Result<PriceResult> {
        let query = Query::Price {
            service: service.to_owned(),
            quantity: Some(quantity),
        };
        self.query_result(&query, self.deadline).await
    }

    /// The packages for sale.
    pub async fn packages(&self) -> Result<PackagesResult> {
        self.query_result(&Query::Packages {}, self.deadline).await
    }

    /// Whether a user may buy a package. Query this before the user pays, because a purchase is
    /// never refused.
    pub async fn can_purchase(&self, user_id: &str, package_id: &str) -> Result<CanPurchaseResult> {
        let query = Query::CanPurchase {
            user_id: user_id.to_owned(),
            package_id: Some(package_id.to_owned()),
            price_id: None,
        };
        self.query_result(&query, self.deadline).await
    }

    /// Like [`can_purchase`](Self::can_purchase), by the payment provider's price id.
    pub async fn can_purchase_price(
        &self,
        user_id: &str,
        price_id: &str,
    ) -> Result<CanPurchaseResult> {
        let query = Query::CanPurchase {
            user_id: user_id.to_owned(),
            package_id: None,
            price_id: Some(price_id.to_owned()),
        };
        self.query_result(&query, self.deadline).await
    }

    pub(crate) async fn query_result<T: DeserializeOwned>(
        &self,
        query: &Query,
        deadline: Duration,
    ) -> Result<T> {
        let answer = self.query_within(query, deadline).await?;
        serde_json::from_value(answer.result?).map_err(|error| Error::Unreadable(error.into()))
    }

    /// Sends any query and waits for its answer.
    pub async fn query_within(&self, query: &Query, deadline: Duration) -> Result<Answer> {
        let reply = match &*self.transport {
            #[cfg(feature = "amqp")]
            Transport::Amqp(client) => client.query(query, deadline).await?,
            #[cfg(feature = "embedded")]
            Transport::Embedded(client) => client.query(query, deadline).await?,
        };
        match reply {
            Reply::Answer(answer) if !answer.kind.is_empty() && answer.kind != query.kind() => {
                Err(Error::UnexpectedReply)
            }
            Reply::Answer(answer) => Ok(answer),
            Reply::Rejected(rejection) => Err(Error::Rejected(rejection)),
            Reply::Outcome(_) => Err(Error::UnexpectedReply),
        }
    }

    /// Gives up open requests, waits for the confirms of sent messages, and disconnects.
    pub async fn close(&self) -> Result<()> {
        match &*self.transport {
            #[cfg(feature = "amqp")]
            Transport::Amqp(client) => client.close().await,
            #[cfg(feature = "embedded")]
            Transport::Embedded(client) => {
                client.close().await;
                Ok(())
            }
        }
    }
}

fn outcome(command: &Command, reply: Reply) -> Result<Outcome> {
    match reply {
        Reply::Outcome(outcome) if outcome.reference_id != command.reference_id => {
            Err(Error::ForeignReply {
                asked: command.reference_id.clone(),
                found: outcome.reference_id,
            })
        }
        Reply::Outcome(outcome) => Ok(outcome),
        Reply::Rejected(rejection) => Err(Error::Rejected(rejection)),
        Reply::Answer(_) => Err(Error::UnexpectedReply),
    }
}
