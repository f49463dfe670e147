//! A client that sends exactly the bytes of a request.

use std::{fmt::Write, net::SocketAddr};

use serde_json::Value;
use testkit::broker::TIMEOUT;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub text: String,
}

pub fn get(path: impl Into<String>) -> Request {
    Request {
        method: "GET",
        path: path.into(),
        ..Request::default()
    }
}

pub fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Request {
    Request {
        method: "POST",
        path: path.into(),
        body: body.into(),
        ..Request::default()
    }
}

impl Request {
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this token.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Waits for the outcome.
    pub fn wait(self) -> Self {
        self.header("Prefer", "wait=30")
    }

    /// The bytes of the request.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head().as_bytes(), &self.body].concat()
    }

    /// The bytes of the request, without its body.
    pub fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let _ = write!(head, "Host: scrip\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        head
    }

    pub async fn send(&self, address: SocketAddr) -> Response {
        raw(address, &self.bytes()).await.expect("a response")
    }
}

/// Sends bytes and reads until the server closes the connection. `None` without a response.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // The server may answer before it has read the whole request.
    let _ = stream.write_all(bytes).await;
    finish(stream).await
}

/// Reads the response of a connection until the server closes it.
pub async fn finish(mut stream: impl AsyncRead + Unpin) -> Option<Response> {
    let mut answer = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("an end in time");
    let answer = String::from_utf8(answer).expect("text");
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Response {
        status: status.expect("a status").parse().expect("a number"),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        text: text.to_owned(),
    })
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Panics unless the response has this status. Returns its body.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Panics unless the response is a problem with this status and code. Returns its body.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{self:?}");
        assert_eq!(body["status"], status, "{self:?}");
        assert!(
            body["detail"].as_str().is_some_and(|text| text.len() > 10),
            "{self:?}"
        );
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{self:?}");
        body
    }
}
