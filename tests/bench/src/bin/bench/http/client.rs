//! A client of the HTTP API: one connection that stays open.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, HOST},
};
use hyper_util::rt::TokioIo;
use producer_sdk::contract::Command;
use tokio::{net::TcpStream, time::timeout};

use super::server::Server;

/// The benchmark fails if a request takes longer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A connection to the server.
pub struct HttpClient {
    sender: SendRequest<Full<Bytes>>,
    authorization: String,
}

impl HttpClient {
    /// Connects to a server.
    pub async fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).await;
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("an option of the socket");
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .expect("a connection");
        tokio::spawn(connection);
        Self {
            sender,
            authorization: format!("Bearer {}", server.token),
        }
    }

    /// Publishes a batch; panics unless all of it is accepted.
    pub async fn publish(&mut self, commands: &[Command]) {
        let mut body = br#"{"commands":["#.to_vec();
        for (n, command) in commands.iter().enumerate() {
            if n > 0 {
                body.push(b',');
            }
            body.extend(command.to_json());
        }
        body.extend(b"]}");
        let (status, text) = self.post("/v1/commands/batch", None, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{text:?}");
    }

    /// Sends a command and waits for its outcome; panics if it does not come.
    pub async fn send(&mut self, command: &Command) {
        let (status, text) = self
            .post("/v1/commands", Some("wait=5"), command.to_json())
            .await;
        assert_eq!(status, StatusCode::OK, "{text:?}");
    }

    async fn post(&mut self, path: &str, wait: Option<&str>, body: Vec<u8>) -> (StatusCode, Bytes) {
        let mut request = Request::post(path)
            .header(HOST, "scrip")
            .header(AUTHORIZATION, &self.authorization);
        if let Some(wait) = wait {
            request = request.header("prefer", wait);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.expect("a request");
        let exchange = async {
            self.sender.ready().await.expect("an open connection");
            let response = self.sender.send_request(request).await;
            let (head, body) = response.expect("a response").into_parts();
            let body = body.collect().await.expect("the whole response");
            (head.status, body.to_bytes())
        };
        timeout(TIMEOUT, exchange)
            .await
            .expect("a response in time")
    }
}
