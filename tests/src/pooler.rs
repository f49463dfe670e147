//! As much of a connection pooler as a test needs: all clients share a few sessions of PostgreSQL,
//! each for a transaction.

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

/// `Q`, `S`: the server answers everything up to here and then says that it is ready.
const ENDS_OF_REQUESTS: [u8; 2] = *b"QS";
const TERMINATE: u8 = b'X';
const READY: u8 = b'Z';
/// What the server says with it outside of a transaction.
const IDLE: u8 = b'I';

/// A session, and what it said when it began.
struct Session {
    stream: TcpStream,
    greeting: Vec<u8>,
}

/// The place of a session, which is opened for the first client that gets it.
type Place = Arc<Mutex<Option<Session>>>;

/// The places of all sessions, which are given in turn.
struct Sharing {
    target: String,
    places: Vec<Place>,
    turn: AtomicUsize,
}

impl Sharing {
    /// The next session that is free; opened with this startup message if it is not open.
    async fn next(&self, startup: &[u8]) -> io::Result<OwnedMutexGuard<Option<Session>>> {
        let turn = self.turn.fetch_add(1, SeqCst) % self.places.len();
        let in_turn = self.places.iter().cycle().skip(turn).cloned();
        let free = in_turn
            .take(self.places.len())
            .find_map(|place| place.try_lock_owned().ok());
        let mut session = match free {
            Some(session) => session,
            None => self.places[turn].clone().lock_owned().await,
        };
        if session.is_none() {
            let mut stream = TcpStream::connect(&self.target).await?;
            stream.write_all(startup).await?;
            let mut greeting = Vec::new();
            answers(&mut stream, &mut greeting).await?;
            *session = Some(Session { stream, greeting });
        }
        Ok(session)
    }
}

/// A pooler; it takes no passwords.
pub struct Pooler {
    address: String,
    accepting: JoinHandle<()>,
}

impl Pooler {
    /// Listens on a free port, before the server at `target` (`host:port`). There is one session.
    pub async fn before(target: String) -> Self {
        Self::in_turn(target, 1).await
    }

    /// The same with so many sessions, which are given in turn.
    pub async fn in_turn(target: String, sessions: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let sharing = Arc::new(Sharing {
            target,
            places: (0..sessions).map(|_| Place::default()).collect(),
            turn: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, sharing.clone()));
            }
        });
        Self { address, accepting }
    }

    /// `url` by way of this pooler.
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
    // The session belongs to this client until its transaction is over.
    let mut held: Option<OwnedMutexGuard<Option<Session>>> = None;
    loop {
        let message = match message(&mut client).await {
            Ok(message) if message[0] != TERMINATE => message,
            // The session of a client that is gone in the middle of a transaction is closed.
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
        let state = answers(stream, &mut answer).await?;
        client.write_all(&answer).await?;
        if state != IDLE {
            held = Some(ours);
        }
    }
}

/// What a client says first. It may ask for TLS before; there is none.
async fn startup(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    const TLS: u32 = 80_877_103;
    loop {
        let length = client.read_u32().await?;
        let mut rest = vec![0; usize::try_from(length).unwrap_or_default().saturating_sub(4)];
        client.read_exact(&mut rest).await?;
        if rest == TLS.to_be_bytes() {
            client.write_all(b"N").await?;
            continue;
        }
        return Ok([&length.to_be_bytes()[..], &rest].concat());
    }
}

/// One message: its type, its length, and the rest.
async fn message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let kind = from.read_u8().await?;
    let length = from.read_u32().await?;
    let mut rest = vec![0; usize::try_from(length).unwrap_or_default().saturating_sub(4)];
    from.read_exact(&mut rest).await?;
    Ok([&[kind][..], &length.to_be_bytes(), &rest].concat())
}

/// Everything that the server says until it is ready; returns its state.
async fn answers(server: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<u8> {
    loop {
        let message = message(server).await?;
        answer.extend_from_slice(&message);
        if message[0] == READY {
            return Ok(message[5]);
        }
    }
}
