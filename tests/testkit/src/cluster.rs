//! A cluster of RabbitMQ nodes on this machine, and a load balancer in front of them.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, UNIX_EPOCH},
};

use futures_util::future::join_all;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinHandle,
    time::sleep,
};

use crate::{broker::TIMEOUT, proxy::Proxy, servers::Server};

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

    /// The number of the node with this name of the Erlang node.
    pub fn number_of(&self, name: &str) -> usize {
        let is_named = |node: &Server| name.contains(&format!("-{}@", node.port()));
        let number = self.0.iter().position(is_named);
        number.unwrap_or_else(|| panic!("{name} is no node of the cluster"))
    }

    /// A load balancer in front of all nodes, which prefers the node `first`.
    pub async fn balancer(&self, first: usize) -> Balancer {
        let count = self.0.len();
        let nodes = (0..count).map(|after| (first + after) % count);
        let targets = nodes.map(|number| (number, Proxy::target(self.url(number))));
        Balancer::before(targets.collect()).await
    }

    /// Starts nodes again, at the same time: without a majority none of them becomes ready.
    pub async fn bring_back(&mut self, numbers: &[usize]) {
        let nodes = self.0.iter_mut().enumerate();
        let down = nodes.filter(|(number, _)| numbers.contains(number));
        join_all(down.map(|(_, node)| node.bring_back())).await;
    }

    /// Cuts the node `number` off the others, and returns the time at which that happened.
    /// Connections of clients stay.
    pub async fn isolate(&self, number: usize) -> Instant {
        // With a wrong cookie the nodes refuse each other in both directions.
        let expression = "[begin erlang:set_cookie(N, wrong), erlang:disconnect_node(N) end \
                          || N <- nodes(), lists:member(N, rabbit_nodes:all())], \
                          erlang:system_time(millisecond).";
        let millis = self.0[number].ctl(&["eval", expression]).await;
        let at = UNIX_EPOCH + Duration::from_millis(millis.parse().expect("a time"));
        let now = Instant::now();
        now.checked_sub(at.elapsed().unwrap_or_default())
            .unwrap_or(now)
    }

    /// Ends [`Cluster::isolate`].
    pub async fn rejoin(&self, number: usize) {
        let expression = "[erlang:set_cookie(N, erlang:get_cookie()) || N <- rabbit_nodes:all()].";
        self.0[number].ctl(&["eval", expression]).await;
    }

    /// Waits until all nodes run and know each other. Nodes that do not get there by themselves are
    /// killed and started again.
    pub async fn restore(&mut self) {
        if self.is_whole_within(TIMEOUT / 2).await {
            return;
        }
        for node in &mut self.0 {
            node.signal("CONT").await;
            node.kill().await;
        }
        let all: Vec<usize> = (0..self.0.len()).collect();
        self.bring_back(&all).await;
        assert!(self.is_whole_within(TIMEOUT).await, "the cluster is broken");
    }

    async fn is_whole_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let asked = self.0.iter().map(|node| {
                let status = ["cluster_status", "--timeout", "10", "--formatter", "json"];
                async move { node.try_ctl(&status).await }
            });
            let counts = join_all(asked).await;
            let is_whole = |status: &String| {
                let running = status.split_once("\"running_nodes\":[");
                let running = running.and_then(|(_, rest)| rest.split_once(']'));
                running.is_some_and(|(nodes, _)| nodes.split(',').count() == self.0.len())
            };
            if counts.iter().all(is_whole) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// A TCP load balancer: it passes each new connection on to the first server that accepts it.
pub struct Balancer {
    url: String,
    avoided: Arc<Mutex<Option<usize>>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    async fn before(targets: Vec<(usize, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let avoided = Arc::<Mutex<Option<usize>>>::default();
        let shared = avoided.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let avoided = *shared.lock().expect("not poisoned");
                let mut targets = targets.clone();
                targets.retain(|(number, _)| Some(*number) != avoided);
                tokio::spawn(async move {
                    for (_, target) in &targets {
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
            avoided,
            accepting,
        }
    }

    /// The URL for clients.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on no new connection goes to the node `number`, as after a failed health check.
    /// Open connections stay.
    pub fn avoid(&self, number: Option<usize>) {
        *self.avoided.lock().expect("not poisoned") = number;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Starts a server with the programs of the distribution, also where Docker Compose answers.
    pub(crate) async fn start_from_packages(kind: &'static str) -> Self {
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
}
