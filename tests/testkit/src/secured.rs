//! Three throw-away servers that use TLS and require a password. The passwords contain every
//! character that must be escaped in a URL.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{certificates::Certificates, process::Deployment, servers::Server};

/// The beginning and the end of each password. They look the same with and without URL escapes.
pub const SECRETS: [&str; 6] = [
    "rAbbitHead4",
    "rAbbitTail4",
    "pOstgrHead5",
    "pOstgrTail5",
    "rEdisHead66",
    "rEdisTail66",
];
const MIDDLE: &str = ":/?#[]@%+ &=";

/// Three servers. PostgreSQL and RabbitMQ have a user `scrip`.
pub struct Secured {
    /// The certificates of the servers and of their CA.
    pub certificates: Certificates,
    /// A server with the database `scrip`.
    pub postgres: Server,
    /// A broker whose user `scrip` has all permissions.
    pub rabbitmq: Server,
    /// A server with one password for all clients.
    pub redis: Server,
}

/// The password of a server: 0 is RabbitMQ, 1 is PostgreSQL, 2 is Redis, as in [`SECRETS`].
fn password(server: usize) -> String {
    format!("{}{MIDDLE}{}", SECRETS[2 * server], SECRETS[2 * server + 1])
}

/// `text` with URL escapes.
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
    /// Starts the three servers.
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
        let url = format!(
            "postgres://postgres@127.0.0.1:{}/postgres",
            self.postgres.port()
        );
        Database::connect(url).await.expect("a connection")
    }

    /// The value of `AMQP_URL`.
    pub fn amqp_url(&self) -> String {
        with_user(
            self.rabbitmq.url(),
            &format!("scrip:{}", escaped(&password(0))),
        )
    }

    /// The value of `DATABASE_URL`.
    pub fn database_url(&self) -> String {
        let url = with_user(
            self.postgres.url(),
            &format!("scrip:{}", escaped(&password(1))),
        );
        url.replace("/postgres?", "/scrip?")
    }

    /// The value of `REDIS_URL`.
    pub fn redis_url(&self) -> String {
        with_user(self.redis.url(), &format!(":{}", escaped(&password(2))))
    }

    /// A deployment whose worker and commands use all three servers.
    pub fn deployment(&self) -> Deployment {
        let mut deployment =
            Deployment::on_servers(&self.amqp_url(), &self.database_url(), "credits");
        deployment.set("REDIS_URL", &self.redis_url());
        deployment.set("SSL_CERT_FILE", &self.certificates.ca());
        deployment
    }

    /// The response of Redis to a command, in its wire format. The connection does not use TLS.
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
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (_, answer) = answer.split_once("\r\n").expect("an answer to AUTH");
        answer
            .strip_suffix("+OK\r\n")
            .expect("an answer to QUIT")
            .to_owned()
    }
}

/// `url` with `user` as its user and password.
pub fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}@{host}")
}
