//! Three throw-away servers that speak TLS and want a password, for which every letter that means something in a URL
//! has to be escaped.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{certificates::Certificates, process::Deployment, servers::Server};

/// How the passwords begin and end, however their middle is written.
pub const SECRETS: [&str; 6] = [
    "rAbbitHead4",
    "rAbbitTail4",
    "pOstgrHead5",
    "pOstgrTail5",
    "rEdisHead66",
    "rEdisTail66",
];
const MIDDLE: &str = ":/?#[]@%+ &=";

/// Three servers, each with the user `scrip`.
pub struct Secured {
    /// Who vouches for them.
    pub certificates: Certificates,
    /// With the database `scrip`.
    pub postgres: Server,
    /// With the namespace `scrip`'s own.
    pub rabbitmq: Server,
    /// With one password for everybody.
    pub redis: Server,
}

/// A password of the server that comes at this place in [`SECRETS`].
fn password(server: usize) -> String {
    format!("{}{MIDDLE}{}", SECRETS[2 * server], SECRETS[2 * server + 1])
}

/// As it stands in a URL.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(byte.into());
        } else {
            write!(escaped, "%{byte:02X}").expect("a string takes it");
        }
        escaped
    })
}

impl Secured {
    /// Starts them.
    pub async fn start() -> Self {
        let certificates = Certificates::make();
        let (postgres, rabbitmq, redis) = tokio::join!(
            Server::start_with_tls("postgres", &certificates),
            Server::start_with_tls("rabbitmq", &certificates),
            Server::start_with_tls("redis", &certificates),
        );
        let secured = Self {
            certificates,
            postgres,
            rabbitmq,
            redis,
        };
        let database = secured.administrator().await;
        for sql in [
            format!("CREATE ROLE scrip LOGIN PASSWORD '{}'", password(1)),
            "CREATE DATABASE scrip OWNER scrip".to_owned(),
        ] {
            database.execute_unprepared(&sql).await.expect("done");
        }
        let rabbitmq = &secured.rabbitmq;
        rabbitmq.ctl(&["add_user", "scrip", &password(0)]).await;
        rabbitmq
            .ctl(&["set_permissions", "scrip", ".*", ".*", ".*"])
            .await;
        let secret = password(2);
        assert_eq!(
            secured
                .ask_redis(&["CONFIG", "SET", "requirepass", &secret])
                .await,
            "+OK\r\n"
        );
        secured
    }

    /// A connection of the superuser, without TLS.
    pub async fn administrator(&self) -> DatabaseConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.postgres.port());
        Database::connect(url).await.expect("a connection")
    }

    /// `AMQP_URL`.
    pub fn amqp_url(&self) -> String {
        with_user(self.rabbitmq.url(), &format!("scrip:{}", escaped(&password(0))))
    }

    /// `DATABASE_URL`.
    pub fn database_url(&self) -> String {
        let url = with_user(self.postgres.url(), &format!("scrip:{}", escaped(&password(1))));
        url.replace("/postgres?", "/scrip?")
    }

    /// `REDIS_URL`.
    pub fn redis_url(&self) -> String {
        with_user(self.redis.url(), &format!(":{}", escaped(&password(2))))
    }

    /// Where a worker and commands use all three.
    pub fn deployment(&self) -> Deployment {
        let mut deployment = Deployment::on_servers(&self.amqp_url(), &self.database_url(), "credits");
        deployment.set("REDIS_URL", &self.redis_url());
        deployment.set("SSL_CERT_FILE", &self.certificates.ca());
        deployment
    }

    /// What Redis answers on the way without TLS, as it stands on the wire.
    pub async fn ask_redis(&self, command: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redis.port()))
            .await
            .expect("Redis listens");
        let secret = password(2);
        let mut request = String::new();
        for parts in [&["AUTH", &secret], command, &["QUIT"]] {
            write!(request, "*{}\r\n", parts.len()).expect("a string takes it");
            for part in parts {
                write!(request, "${}\r\n{part}\r\n", part.len()).expect("a string takes it");
            }
        }
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (_, answer) = answer.split_once("\r\n").expect("an answer to AUTH");
        answer
            .strip_suffix("+OK\r\n")
            .expect("an answer to QUIT")
            .to_owned()
    }
}

/// `url` with another user and password.
pub fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}@{host}")
}
