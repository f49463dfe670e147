//! Connections of the client library over a filtered socket.
//!
//! The library accepts a socket of any type that its runtime defines. The runtime here is Tokio
//! with the filtered socket instead of the plain one. The filter sits above TLS.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::{DummyIO, RuntimeParts};
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, TLSConfig};
use lapin::types::AMQPValue;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Connection, ConnectionProperties, Error, ErrorKind};

use super::stream::FilteredStream;
use crate::contract::headers::UNREADABLE;

type Socket = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// Opens a connection that no message can close.
///
/// For a message that the library could not have parsed, [`unreadable`] returns the reason.
pub async fn connect(uri: AMQPUri, properties: ConnectionProperties) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let plain = Runtime::new(tokio.clone());
    let filtered = Runtime::new(RuntimeParts::new(tokio.clone(), Filtered(tokio)));
    let open = async move |uri: AMQPUri, _| {
        let frame_max = uri.query.frame_max.unwrap_or_default();
        let socket = uri
            .connect_with_config_async(TLSConfig::default(), &plain)
            .await;
        let socket = socket.map_err(|error| {
            if plain.is_runtime_shutdown_error(&error) {
                return Error::from(ErrorKind::RuntimeShutdownError(error.into()));
            }
            Error::from(error)
        })?;
        Ok(AsyncTcpStream::Plain(FilteredStream::new(
            socket, frame_max,
        )))
    };
    Connection::connector(uri, filtered, open, properties).await
}

/// The reason why the properties of a message could not be read. `None` if they could be read.
///
/// If an app sets this header itself, only its own message is treated as unreadable.
pub fn unreadable(properties: &BasicProperties) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(UNREADABLE)? {
        AMQPValue::LongString(reason) => {
            Some(String::from_utf8_lossy(reason.as_bytes()).into_owned())
        }
        _ => Some("the sender marked the message as unreadable".to_owned()),
    }
}

/// Tokio with a filtered socket.
#[derive(Clone, Debug)]
struct Filtered(Tokio);

impl Reactor for Filtered {
    type TcpStream = FilteredStream<Socket>;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// Not supported, because the library registers no handle.
    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<DummyIO, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move {
            Ok(FilteredStream::new(
                AsyncTcpStream::Plain(connecting.await?),
                0,
            ))
        }
    }
}
