//! [`Client`]: questions in, answers out.

#[cfg(feature = "embedded")]
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

#[cfg(feature = "amqp")]
use crate::amqp::AmqpClient;
use crate::contract::{
    Answer, BalanceResult, BatchesResult, CanPurchaseResult, Command, Outcome, PackagesResult, PriceResult,
    Query, Reply, TransactionsResult,
};
#[cfg(feature = "embedded")]
use crate::embedded::{EmbeddedClient, Source};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::transport::Scheme;

/// Sends commands and waits for their outcomes; asks queries and waits for their answers.
///
/// It may be shared (`&Client` or `Arc<Client>`) by any number of tasks; as many as the window allows ask at once.
/// After a lost connection it asks again by itself, and gets the outcomes of what had been carried out meanwhile.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    deadline: Duration,
}

#[derive(Debug)]
enum Transport {
    #[cfg(feature = "amqp")]
    Amqp(AmqpClient),
    #[cfg(feature = "embedded")]
    Embedded(EmbeddedClient),
}

impl Client {
    /// Connect by URL: `amqp://…`, `amqps://…`, or `sqlite:///path/to/scrip.db` for the embedded queue.
    pub async fn connect(url: &str, options: Options) -> Result<Self> {
        let deadline = options.deadline;
        let transport = match Scheme::of(url)? {
            #[cfg(feature = "amqp")]
            Scheme::Amqp => Transport::Amqp(AmqpClient::connect(url, &options).await?),
            #[cfg(feature = "embedded")]
            Scheme::Sqlite => {
                let source = Source::Url(url.to_owned());
                Transport::Embedded(EmbeddedClient::open(&source, &options).await?)
            }
        };
        Ok(Self { transport, deadline })
    }

    /// Open the embedded queue in that file.
    #[cfg(feature = "embedded")]
    pub async fn open(path: impl Into<PathBuf>, options: Options) -> Result<Self> {
        let deadline = options.deadline;
        let client = EmbeddedClient::open(&Source::Path(path.into()), &options).await?;
        Ok(Self {
            transport: Transport::Embedded(client),
            deadline,
        })
    }

    /// Send a command and wait for its outcome, which may be a refusal: that is an outcome, not an error.
    pub async fn send(&self, command: &Command) -> Result<Outcome> {
        self.send_within(command, self.deadline).await
    }

    /// Like [`send`](Self::send), with a deadline of its own.
    pub async fn send_within(&self, command: &Command, deadline: Duration) -> Result<Outcome> {
        let reply = match &self.transport {
            #[cfg(feature = "amqp")]
            Transport::Amqp(client) => client.send(command, deadline).await?,
            #[cfg(feature = "embedded")]
            Transport::Embedded(client) => client.send(command, deadline).await?,
        };
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

    /// What a user has.
    pub async fn balance(&self, user_id: &str) -> Result<BalanceResult> {
        self.balance_within(user_id, self.deadline).await
    }

    /// Like [`balance`](Self::balance), with a deadline of its own.
    pub async fn balance_within(&self, user_id: &str, deadline: Duration) -> Result<BalanceResult> {
        self.ask(&Query::balance(user_id), deadline).await
    }

    /// What happened to a user's wallet, newest first, by pages: `page_index` from 0, `page_size` from 1 to 100.
    /// Pages by number reach 10,000 rows; [`transactions_after`](Self::transactions_after) reaches them all.
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
        self.ask(&query, self.deadline).await
    }

    /// What follows an earlier page, by its `next_cursor`.
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
        self.ask(&query, self.deadline).await
    }

    /// A user's batches that hold something, in the order in which they are spent.
    pub async fn batches(&self, user_id: &str) -> Result<BatchesResult> {
        let query = Query::Batches {
            user_id: user_id.to_owned(),
            all: false,
        };
        self.ask(&query, self.deadline).await
    }

    /// All batches of a user, those that are spent up or lapsed last.
    pub async fn all_batches(&self, user_id: &str) -> Result<BatchesResult> {
        let query = Query::Batches {
            user_id: user_id.to_owned(),
            all: true,
        };
        self.ask(&query, self.deadline).await
    }

    /// What so many units of a service cost.
    pub async fn price(&self, service: &str, quantity: i64) -> Result<PriceResult> {
        let query = Query::Price {
            service: service.to_owned(),
            quantity: Some(quantity),
        };
        self.ask(&query, self.deadline).await
    }

    /// Which packages are for sale.
    pub async fn packages(&self) -> Result<PackagesResult> {
        self.ask(&Query::Packages {}, self.deadline).await
    }

    /// Whether a user may buy a package. To be asked before he pays: a purchase is never refused.
    pub async fn can_purchase(&self, user_id: &str, package_id: &str) -> Result<CanPurchaseResult> {
        let query = Query::CanPurchase {
            user_id: user_id.to_owned(),
            package_id: Some(package_id.to_owned()),
            price_id: None,
        };
        self.ask(&query, self.deadline).await
    }

    async fn ask<T: DeserializeOwned>(&self, query: &Query, deadline: Duration) -> Result<T> {
        let answer = self.query_within(query, deadline).await?;
        serde_json::from_value(answer.result?).map_err(|error| Error::Unreadable(error.into()))
    }

    /// The same for a package that is known by the payment provider's price id.
    pub async fn can_purchase_price(&self, user_id: &str, price_id: &str) -> Result<CanPurchaseResult> {
        let query = Query::CanPurchase {
            user_id: user_id.to_owned(),
            package_id: None,
            price_id: Some(price_id.to_owned()),
        };
        self.ask(&query, self.deadline).await
    }

    /// Ask any query.
    pub async fn query_within(&self, query: &Query, deadline: Duration) -> Result<Answer> {
        let reply = match &self.transport {
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

    /// Give up what is not answered, wait for the confirms of what was sent, and disconnect.
    pub async fn close(&self) -> Result<()> {
        match &self.transport {
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
