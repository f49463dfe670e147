//! A minimal connection pooler in transaction mode: all clients share a few PostgreSQL sessions,
//! and a client has a session for the duration of one transaction.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
};

/// `Q` (query) and `S` (sync): the server responds to all messages up to this one, and then reports
/// that it is ready.
const ENDS_OF_REQUESTS: [u8; 2] = *b"QS";
const TERMINATE: u8 = b'X';
const READY: u8 = b'Z';
/// The transaction state in the `READY` message of a session that is outside of a transaction.
const IDLE: u8 = b'I';

/// A session of the server.
struct Session {
    stream: TcpStream,
    /// The server's response to the startup message.
    greeting: Vec<u8>,
}

/// The slot of a session. The session is opened for the first client that gets the slot.
type Slot = Arc<Mutex<Option<Session>>>;

/// The slots of all sessions. Clients get them in turn.
struct Sharing {
    target: String,
    slots: Vec<Slot>,
    turn: AtomicUsize,
}

impl Sharing {
    /// The next free session. If it is not open yet, it is opened with the message `startup`.
    async fn next(&self, startup: &[u8]) -> io::Result<OwnedMutexGuard<Option<Session>>> {
        let turn = self.turn.fetch_add(1, SeqCst) % self.slots.len();
        let in_turn = self.slots.iter().cycle().skip(turn).cloned();
        let free = in_turn
            .take(self.slots.len())
            .find_map(|slot| slot.try_lock_owned().ok());
        let mut session = match free {
            Some(session) => session,
            None => self.slots[turn].clone().lock_owned().await,
        };
        if session.is_none() {
            let mut stream = TcpStream::connect(&self.target).await?;
            stream.write_all(startup).await?;
            let mut greeting = Vec::new();
            read_until_ready(&mut stream, &mut greeting).await?;
            *session = Some(Session { stream, greeting });
        }
        Ok(session)
    }
}

/// A pooler. It does not support passwords.
pub struct Pooler {
    address: String,
    accepting: JoinHandle<()>,
}

impl Pooler {
    /// Listens on a free port in front of the server at `target` (`host:port`), with one session.
    pub async fn before(target: String) -> Self {
        Self::in_turn(target, 1).await
    }

    /// Like [`Pooler::before`], but with several sessions. Clients get the sessions in turn.
    pub async fn in_turn(target: String, sessions: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let sharing = Arc::new(Sharing {
            target,
            slots: (0..sessions).map(|_| Slot::default()).collect(),
            turn: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, sharing.clone()));
            }
        });
        Self { address, accepting }
    }

    /// `url` with the address of this pooler.
    pub fn instead_of(&self, url: &str) -> String {
        url.replace(&crate::proxy::Proxy::target(url), &self.address)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, sharing: Arc<Sharing>) -> io::Result<()> {
    let startup = startup(&mut client).await?;
    let greeted = sharing.next(&startup).await?;
    let greeting = greeted.as_ref().map(|session| session.greeting.clone());
    drop(greeted);
    client.write_all(&greeting.unwrap_or_default()).await?;
    // The session belongs to this client until its transaction ends.
    let mut held: Option<OwnedMutexGuard<Option<Session>>> = None;
    loop {
        let message = match message(&mut client).await {
            Ok(message) if message[0] != TERMINATE => message,
            // If the client disconnects in the middle of a transaction, its session is closed.
            _ => {
                if let Some(mut ours) = held {
                    *ours = None;
                }
                return Ok(());
            }
        };
        let mut ours = match held.take() {
            Some(ours) => ours,
            None => sharing.next(&startup).await?,
        };
        let Some(Session { stream, .. }) = ours.as_mut() else {
            return Ok(());
        };
        stream.write_all(&message).await?;
        if !ENDS_OF_REQUESTS.contains(&message[0]) {
            held = Some(ours);
            continue;
        }
        let mut answer = Vec::new();
        let state = read_until_ready(stream, &mut answer).await?;
        client.write_all(&answer).await?;
        if state != IDLE {
            held = Some(ours);
        }
    }
}

/// Reads a client's startup message. A request for TLS before it is refused.
async fn startup(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    const TLS: u32 = 80_877_103;
    loop {
        let length = client.read_u32().await?;
        let mut rest = vec![
            0;
            usize::try_from(length)
                .unwrap_or_default()
                .saturating_sub(4)
        ];
        client.read_exact(&mut rest).await?;
        if rest == TLS.to_be_bytes() {
            client.write_all(b"N").await?;
            continue;
        }
        return Ok([&length.to_be_bytes()[..], &rest].concat());
    }
}

/// Reads one message: its type, its length and its body.
async fn message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let kind = from.read_u8().await?;
    let length = from.read_u32().await?;
    let mut rest = vec![
        0;
        usize::try_from(length)
            .unwrap_or_default()
            .saturating_sub(4)
    ];
    from.read_exact(&mut rest).await?;
    Ok([&[kind][..], &length.to_be_bytes(), &rest].concat())
}

/// Appends the server's messages to `answer` until the server is ready. Returns the server's
/// transaction state.
async fn read_until_ready(server: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<u8> {
    loop {
        let message = message(server).await?;
        answer.extend_from_slice(&message);
        if message[0] == READY {
            return Ok(message[5]);
        }
    }
}
