//! [`Metered`]: a stream whose items are counted and charged to a hold.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::contract::{Outcome, Overrun};
use crate::error::{Error, Result};
use crate::hold::{HoldGuard, Usage};

/// How often a capture or release is sent if its outcome does not come in time.
const ATTEMPTS: u32 = 3;

impl HoldGuard {
    /// Passes a stream on unchanged, counts what its items used, and charges that to the hold.
    ///
    /// `count` returns the units of an item, or the credits if the hold names an `amount`.
    ///
    /// | The stream | The hold |
    /// |---|---|
    /// | ends | is captured with the sum, before the stream returned here ends |
    /// | is dropped before its end (the user aborts) | is captured with the sum of the items that were delivered |
    /// | returns an error | is released, or captured with [`Metered::capture_on_error`] |
    ///
    /// If the sum is 0 the hold is released. After an error the stream ends. A sum above the hold
    /// is charged as far as the available credits reach, unless [`overrun`](HoldGuard::overrun)
    /// was set, because the work is done already.
    ///
    /// The second value resolves to the outcome of the capture or release. It may be dropped.
    ///
    /// ```no_run
    /// # async fn example(hold: producer_sdk::HoldGuard) -> Result<(), producer_sdk::Error> {
    /// use futures_util::{StreamExt, stream};
    ///
    /// let tokens = stream::iter([Ok::<_, std::io::Error>("to"), Ok("ken")]);
    /// let (mut tokens, settlement) = hold.meter(tokens, |_token| 1);
    /// while let Some(token) = tokens.next().await {
    ///     println!("{token:?}");
    /// }
    /// let outcome = settlement.await?;
    /// # println!("{:?}", outcome.amount);
    /// # Ok(()) }
    /// ```
    pub fn meter<S, T, E, F>(self, stream: S, count: F) -> (Metered<S, F>, Settlement)
    where
        S: Stream<Item = std::result::Result<T, E>>,
        F: FnMut(&T) -> i64,
    {
        let (result, settled) = oneshot::channel();
        let metered = Metered {
            stream: Box::pin(stream),
            count,
            total: 0,
            captures_on_error: false,
            phase: Phase::Streaming(Box::new((self, result))),
        };
        (metered, Settlement(settled))
    }
}

/// A stream that charges its items to a hold: see [`HoldGuard::meter`].
#[derive(Debug)]
#[must_use = "dropping the stream captures what was delivered"]
pub struct Metered<S, F> {
    stream: Pin<Box<S>>,
    count: F,
    total: i64,
    captures_on_error: bool,
    phase: Phase,
}

type Unsettled = Box<(HoldGuard, oneshot::Sender<Result<Outcome>>)>;

#[derive(Debug)]
enum Phase {
    Streaming(Unsettled),
    Settling(JoinHandle<()>),
    Ended,
}

/// The outcome of the capture or release that ends a metered stream.
#[derive(Debug)]
pub struct Settlement(oneshot::Receiver<Result<Outcome>>);

impl Future for Settlement {
    type Output = Result<Outcome>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(result.unwrap_or(Err(Error::Closed)))
    }
}

impl<S, F> Metered<S, F> {
    /// Captures what was delivered before an error, instead of releasing the hold.
    pub fn capture_on_error(mut self) -> Self {
        self.captures_on_error = true;
        self
    }

    /// The units or credits that the items so far used.
    pub fn total(&self) -> i64 {
        self.total
    }

    /// Sends the capture or release in a task of its own, unless that is done.
    fn settle(&mut self, is_charged: bool) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Streaming(unsettled) => {
                let (guard, result) = *unsettled;
                let total = if is_charged { self.total } else { 0 };
                let runtime = guard.runtime().clone();
                self.phase = Phase::Settling(runtime.spawn(async move {
                    // The receiver may be gone.
                    let _ = result.send(settle(guard, total).await);
                }));
            }
            phase => self.phase = phase,
        }
    }
}

async fn settle(mut guard: HoldGuard, total: i64) -> Result<Outcome> {
    guard.overrun.get_or_insert(Overrun::Cap);
    let usage = if guard.is_in_credits {
        Usage::Amount(total)
    } else {
        Usage::Quantity(total)
    };
    let mut attempt = 1;
    loop {
        let settled = if total > 0 {
            guard.capture(usage).await
        } else {
            guard.release().await
        };
        match settled {
            Err(error) if error.is_timeout() && attempt < ATTEMPTS => attempt += 1,
            settled => return settled,
        }
    }
}

/// The stream is boxed, and nothing else is pinned.
impl<S, F> Unpin for Metered<S, F> {}

impl<S, T, E, F> Stream for Metered<S, F>
where
    S: Stream<Item = std::result::Result<T, E>>,
    F: FnMut(&T) -> i64,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Phase::Streaming(_) = this.phase {
            match ready!(this.stream.as_mut().poll_next(context)) {
                Some(Ok(item)) => {
                    let used = (this.count)(&item).max(0);
                    this.total = this.total.saturating_add(used);
                    return Poll::Ready(Some(Ok(item)));
                }
                Some(Err(error)) => {
                    this.settle(this.captures_on_error);
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.settle(true),
            }
        }
        if let Phase::Settling(task) = &mut this.phase {
            // A task that was cancelled with its runtime has no result either.
            let _ = ready!(Pin::new(task).poll(context));
            this.phase = Phase::Ended;
        }
        Poll::Ready(None)
    }
}

impl<S, F> Drop for Metered<S, F> {
    fn drop(&mut self) {
        self.settle(true);
    }
}
