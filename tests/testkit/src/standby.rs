//! A minimal PostgreSQL standby: it receives the write-ahead log and reports all of it as written.
//! It implements only the part of the protocol that the server checks.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::interval,
};

/// A log position that is later than every position in the log.
const ALL: u64 = u64::MAX / 2;
/// Version 3.0 of the PostgreSQL protocol.
const PROTOCOL: u32 = 196_608;

/// A standby that is attached until it is dropped.
pub struct Standby(Vec<JoinHandle<io::Result<()>>>);

impl Standby {
    /// Attaches a standby with the application name `name` to the server on that local port.
    pub async fn attach(port: u16, name: &str) -> Self {
        let attached = start_replication(port, name).await;
        let (reading, writing) = attached.expect("the server accepts a standby");
        Self(vec![
            tokio::spawn(read_all(reading)),
            tokio::spawn(acknowledge(writing)),
        ])
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

async fn start_replication(port: u16, name: &str) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let parameters = format!("user\0postgres\0replication\0true\0application_name\0{name}\0\0");
    let length = u32::try_from(parameters.len() + 8).expect("short");
    stream.write_u32(length).await?;
    stream.write_u32(PROTOCOL).await?;
    stream.write_all(parameters.as_bytes()).await?;
    until(&mut stream, b'Z').await?;
    send(&mut stream, b'Q', b"IDENTIFY_SYSTEM\0").await?;
    let row = until(&mut stream, b'D').await?;
    // The fields are the system id, the timeline, the end of the log and the database, each of them
    // after its length.
    let mut fields = Vec::new();
    let mut rest = &row[2..];
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or_default();
        let (field, more) = more.split_at(length);
        fields.push(String::from_utf8_lossy(field).into_owned());
        rest = more;
    }
    until(&mut stream, b'Z').await?;
    let start = format!(
        "START_REPLICATION PHYSICAL {} TIMELINE {}\0",
        fields[2], fields[1]
    );
    send(&mut stream, b'Q', start.as_bytes()).await?;
    until(&mut stream, b'W').await?;
    Ok(stream.into_split())
}

async fn send(stream: &mut (impl AsyncWriteExt + Unpin), kind: u8, body: &[u8]) -> io::Result<()> {
    stream.write_u8(kind).await?;
    stream
        .write_u32(u32::try_from(body.len() + 4).expect("short"))
        .await?;
    stream.write_all(body).await
}

/// Reads messages until one has the type `kind`, and returns its body.
async fn until(stream: &mut TcpStream, kind: u8) -> io::Result<Vec<u8>> {
    loop {
        let received = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        let mut body = vec![
            0;
            usize::try_from(length)
                .unwrap_or_default()
                .saturating_sub(4)
        ];
        stream.read_exact(&mut body).await?;
        if received == kind {
            return Ok(body);
        }
        assert_ne!(received, b'E', "{}", String::from_utf8_lossy(&body));
    }
}

async fn read_all(mut reading: OwnedReadHalf) -> io::Result<()> {
    let mut log = vec![0; 64 * 1024];
    while reading.read(&mut log).await? > 0 {}
    Ok(())
}

/// Reports every 20 ms that the whole log is written, flushed and applied.
async fn acknowledge(mut writing: OwnedWriteHalf) -> io::Result<()> {
    let mut status = vec![b'r'];
    for position in [ALL, ALL, ALL, 0] {
        status.extend_from_slice(&position.to_be_bytes());
    }
    status.push(0);
    let mut turns = interval(Duration::from_millis(20));
    loop {
        turns.tick().await;
        send(&mut writing, b'd', &status).await?;
    }
}
