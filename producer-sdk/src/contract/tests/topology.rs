//! The exchanges and queues of a namespace.

use strum::VariantArray;

use crate::contract::*;

#[test]
fn every_bucket_of_every_origin_is_bound_to_one_shard() {
    let topology = Topology::new("credits", 3).expect("valid");
    let bindings = topology.bindings();
    for &origin in Origin::VARIANTS {
        for number in 0..BUCKETS {
            let bound: Vec<&Binding> = bindings
                .iter()
                .filter(|b| {
                    b.exchange == topology.exchange(origin) && b.routing_key == number.to_string()
                })
                .collect();
            assert_eq!(bound.len(), 1);
            assert_eq!(bound[0].queue, format!("credits.commands.{}", number % 3));
        }
    }
    let queues: Vec<String> = topology
        .queues()
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    let exchanges: Vec<String> = topology
        .exchanges()
        .into_iter()
        .map(|exchange| exchange.name)
        .collect();
    assert!(
        bindings
            .iter()
            .all(|b| queues.contains(&b.queue) && exchanges.contains(&b.exchange))
    );
}

#[test]
fn every_queue_but_the_delay_queue_has_a_delivery_limit() {
    let topology = Topology::new("credits", 2).expect("valid");
    for queue in topology.queues() {
        let argument = |name: &str| queue.args.iter().find(|(key, _)| key == name);
        assert_eq!(
            argument("x-delivery-limit").is_some(),
            queue.name != topology.delay(),
            "{}",
            queue.name
        );
    }
}

#[test]
fn namespaces_and_shards_have_limits() {
    for namespace in ["", "UPPER", "a b", "a/b", "a.reply", &"x".repeat(65)] {
        assert!(Topology::new(namespace, 1).is_err(), "{namespace}");
    }
    assert!(Topology::new("test-0", 0).is_err());
    assert!(Topology::new("test-0", 65).is_err());
    assert_eq!(
        Topology::new("a.b", 64)
            .expect("valid")
            .origin_of("a.b.usage"),
        Some(Origin::Usage)
    );
}

#[test]
fn the_stream_of_retained_commands_takes_every_command() {
    let topology = Topology::new("credits", 3).expect("valid");
    let mut copies = topology.retained_bindings();
    assert!(copies.iter().all(|b| b.queue == "credits.retained"));
    let mut commands = topology.bindings();
    commands.retain(|b| b.exchange != topology.queries());
    commands.retain(|b| b.exchange != topology.delay() && b.exchange != topology.dead());
    for binding in copies.iter_mut().chain(&mut commands) {
        binding.queue.clear();
    }
    assert_eq!(copies, commands);
}
