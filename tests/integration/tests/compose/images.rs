//! Every image is pinned, and the tests use the images of the deployment.

use super::{COMPOSE, TEST_SERVERS, compose, file, services};

/// Whether an image has the form `NAME:VERSION@sha256:DIGEST`.
fn is_pinned(image: &str) -> bool {
    let Some((name, digest)) = image.split_once("@sha256:") else {
        return false;
    };
    let version = name.split_once(':').map_or("", |(_, version)| version);
    version.starts_with(|c: char| c.is_ascii_digit())
        && digest.len() == 64
        && digest
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[test]
fn every_image_is_pinned_by_version_and_digest() {
    let mut images = Vec::new();
    for path in [COMPOSE, TEST_SERVERS] {
        for (service, settings) in services(&compose(path)) {
            match settings["image"].as_str() {
                Some(image) => images.push(image.to_owned()),
                None => assert!(
                    settings["build"].is_object(),
                    "{path}: {service} has neither image nor build"
                ),
            }
        }
    }
    let dockerfile = file("worker/Dockerfile");
    images.extend(
        dockerfile
            .lines()
            .filter_map(|line| line.strip_prefix("FROM ")?.split_whitespace().next())
            .map(str::to_owned),
    );
    assert!(images.len() >= 8, "{images:?}");
    for image in images {
        assert!(is_pinned(&image), "{image} lacks a version or a digest");
    }
    let digest = "0".repeat(64);
    for floating in [
        "postgres:17".to_owned(),
        format!("postgres@sha256:{digest}"),
        format!("postgres:latest@sha256:{digest}"),
        "postgres:17@sha256:0".to_owned(),
    ] {
        assert!(!is_pinned(&floating), "{floating}");
    }
}

#[test]
fn the_tests_use_the_images_of_the_deployment() {
    let deployed = compose(COMPOSE);
    for (service, settings) in services(&compose(TEST_SERVERS)) {
        let image = &deployed["services"][service]["image"];
        assert_eq!(&settings["image"], image, "{service}");
    }
}
