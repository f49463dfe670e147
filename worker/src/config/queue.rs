//! The names on the broker, and how producers and clients of this program connect.

use producer_sdk::{
    Options,
    contract::{Topology, TopologyError},
};

use super::Settings;

impl Settings {
    /// The exchanges and queues of the configured namespace.
    pub fn topology(&self) -> Result<Topology, TopologyError> {
        Topology::new(self.namespace.as_str(), self.worker.shards)
    }

    /// The options of a producer or client. `connection_name` is shown by the broker.
    pub fn client_options(&self, connection_name: &str) -> Options {
        Options {
            namespace: self.namespace.clone(),
            connection_name: connection_name.to_owned(),
            name_sender: self.name_sender,
            ..Options::default()
        }
    }
}
