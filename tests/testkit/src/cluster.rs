//! A cluster of RabbitMQ nodes on this machine, and a load balancer in front of them.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinHandle,
};

use crate::{proxy::Proxy, servers::Server};

/// Three nodes that form a cluster. A minority of them pauses, as in production.
pub struct Cluster(Vec<Server>);

impl Cluster {
    /// Starts the nodes. That takes some 20 s.
    pub async fn start() -> Self {
        let first = Server::start_from_packages("rabbitmq").await;
        let second = Server::join(&first).await;
        let third = Server::join(&first).await;
        Self(vec![first, second, third])
    }

    /// A node, by its number from 0.
    pub fn node(&self, number: usize) -> &Server {
        &self.0[number]
    }

    /// A node that a test harms.
    pub fn node_mut(&mut self, number: usize) -> &mut Server {
        &mut self.0[number]
    }

    /// The URL of a node.
    pub fn url(&self, number: usize) -> &str {
        self.0[number].url()
    }

    /// A load balancer in front of all nodes.
    pub async fn balancer(&self) -> Balancer {
        let targets = self.0.iter().map(|node| Proxy::target(node.url()));
        Balancer::before(targets.collect()).await
    }
}

/// A TCP load balancer: it passes each new connection on to the first server that accepts it.
pub struct Balancer {
    url: String,
    accepting: JoinHandle<()>,
}

impl Balancer {
    async fn before(targets: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let accepting = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let targets = targets.clone();
                tokio::spawn(async move {
                    for target in &targets {
                        if let Ok(mut far) = TcpStream::connect(target).await {
                            let _ = copy_bidirectional(&mut near, &mut far).await;
                            return;
                        }
                    }
                });
            }
        });
        Self {
            url: format!("amqp://guest:guest@{address}/%2f"),
            accepting,
        }
    }

    /// The URL for clients.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Starts a server with the programs of the distribution, also where Docker Compose answers.
    async fn start_from_packages(kind: &'static str) -> Self {
        let mut script = Command::new(Self::script(kind));
        script.env("SCRIP_TEST_SERVERS", "packages");
        Self::launch(kind, script).await
    }

    /// Starts a `rabbitmq` node that joins the cluster of another one.
    async fn join(first: &Self) -> Self {
        let mut script = Command::new(Self::script("rabbitmq"));
        script.env("SCRIP_TEST_JOIN", first.folder());
        Self::launch("rabbitmq", script).await
    }

    /// Runs `rabbitmqctl`, and returns its output and errors also if it fails.
    pub async fn try_ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(Self::script("rabbitmq"));
        command.arg("ctl").arg(self.folder()).args(arguments);
        let output = command.output().await.expect("the script runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Sends a signal to the server's process, by its name, such as `STOP` or `CONT`.
    pub async fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder().join("pid")).expect("it runs");
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), pid.trim()]);
        assert!(kill.status().await.expect("kill runs").success());
    }
}
