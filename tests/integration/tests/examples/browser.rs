//! The browser of a user: requests with a cookie, and answers that are read part by part.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::Value;
use testkit::broker::TIMEOUT;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A browser that is at one app.
pub struct Browser {
    address: SocketAddr,
    cookie: String,
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    head: String,
    pub text: String,
}

/// A response whose body is still being sent. Dropping it closes the connection.
pub struct Open {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Browser {
    pub fn new(port: u16) -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            cookie: String::new(),
        }
    }

    /// Sends the form of the sign-up, and keeps the cookie.
    pub async fn sign_up(&mut self, user: &str) -> Response {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let body = format!("user={user}");
        let sent = self.send("POST", "/api/sign-up", &[form], &body).await;
        let response = sent.finish().await;
        if let Some(cookie) = response.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            pair.clone_into(&mut self.cookie);
        }
        response
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], "").await.finish().await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send("GET", path, headers, "").await.finish().await
    }

    pub async fn post(&self, path: &str) -> Response {
        self.send("POST", path, &[], "").await.finish().await
    }

    /// Asks the model, and returns when the answer has ended.
    pub async fn ask(&self, prompt: &str) -> Response {
        self.begin(prompt).await.finish().await
    }

    /// Asks the model.
    pub async fn begin(&self, prompt: &str) -> Open {
        let body = serde_json::json!({ "prompt": prompt }).to_string();
        let json = ("content-type", "application/json");
        self.send("POST", "/api/chat", &[json], &body).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Open {
        // A server sends the body to HTTP/1.0 as it is, and closes the connection at its end.
        let mut request = format!("{method} {path} HTTP/1.0\r\nhost: {}\r\n", self.address);
        let length = body.len().to_string();
        let own = [
            ("cookie", self.cookie.as_str()),
            ("content-length", &length),
        ];
        for (name, value) in own.iter().chain(headers) {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        request.push_str("\r\n");
        request.push_str(body);
        let mut stream = TcpStream::connect(self.address).await.expect("the app");
        stream.write_all(request.as_bytes()).await.expect("sent");
        Open {
            stream,
            received: Vec::new(),
        }
    }
}

impl Open {
    /// Waits until the body has that many bytes.
    pub async fn wait_for_bytes(&mut self, count: usize) {
        let received = async {
            while self.response().text.len() < count {
                let read = self.stream.read_buf(&mut self.received).await;
                assert_ne!(read.expect("a part"), 0, "{:?}", self.response());
            }
        };
        timeout(TIMEOUT, received).await.expect("in time");
    }

    async fn finish(mut self) -> Response {
        let read = self.stream.read_to_end(&mut self.received);
        // The app cuts the connection of an answer that fails.
        let _ = timeout(TIMEOUT, read).await.expect("in time");
        self.response()
    }

    /// What was received so far.
    fn response(&self) -> Response {
        let all = String::from_utf8_lossy(&self.received);
        let (head, text) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Response {
            status: status.unwrap_or_default(),
            head: head.to_owned(),
            text: text.to_owned(),
        }
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(one, _)| one.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }

    /// Panics unless the response has this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The number in an element of the page.
    pub fn number(&self, id: &str) -> i64 {
        let after = self.text.split_once(&format!("id=\"{id}\">"));
        let text = after.unwrap_or_else(|| panic!("no {id}: {self:?}")).1;
        let digits = text.split('<').next().unwrap_or_default();
        digits.parse().unwrap_or_else(|_| panic!("{id}: {digits}"))
    }
}
