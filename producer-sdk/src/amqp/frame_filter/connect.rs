//! Connections of the client library over a filtered socket.
//!
//! The library accepts a socket of any type that its runtime defines. The runtime here is Tokio
//! with the filtered socket instead of the plain one. The filter sits above TLS.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::{DummyIO, RuntimeParts};
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use lapin::tcp::{AsyncTcpStream, TLSConfig};
use lapin::types::AMQPValue;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tokio::select;
use tokio::sync::oneshot;

use super::stream::FilteredStream;
use crate::contract::headers::UNREADABLE;

type Socket = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// Opens a connection to an address that no message can close. The host of the URL is verified by
/// TLS, and not used otherwise.
///
/// If this future is dropped, the socket is closed and the library's thread for it ends. The
/// library alone would wait for the greeting of a silent broker forever.
///
/// For a message that the library could not have parsed, [`unreadable`] returns the reason.
pub async fn connect(
    uri: AMQPUri,
    address: SocketAddr,
    properties: ConnectionProperties,
) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let filtered = Runtime::new(RuntimeParts::new(tokio.clone(), Filtered(tokio.clone())));
    let (opened, opening) = oneshot::channel();
    let opening = Mutex::new(Some(opening));
    let open = async move |uri: AMQPUri, _| {
        let opening = opening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The library's recovery is off, so it connects once.
        let Some(mut opening) = opening else {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        };
        let connecting = async {
            let socket = Socket::Plain(tokio.tcp_connect_addr(address).await?);
            match uri.scheme {
                AMQPScheme::AMQP => Ok(socket),
                AMQPScheme::AMQPS => {
                    let host = &uri.authority.host;
                    socket.into_tls(host, TLSConfig::default()).await
                }
            }
        };
        let socket = select! {
            socket = connecting => socket,
            _ = &mut opening => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let frame_max = uri.query.frame_max.unwrap_or_default();
        Ok(AsyncTcpStream::Plain(
            FilteredStream::new(socket?, frame_max).while_opening(opening),
        ))
    };
    let connection = Connection::connector(uri, filtered, open, properties).await?;
    // The socket is closed already if the broker has hung up.
    let _ = opened.send(());
    Ok(connection)
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
