//! The bucket of a user, which is the routing key of the user's commands. It never changes, and it
//! is the same in every language.

/// The number of buckets. The routing key of a command is its bucket in decimal, `"0"` to `"63"`.
pub const BUCKETS: u32 = 64;

/// The bucket of a user: CRC-32/IEEE (the one of zlib, gzip and PNG) of the UTF-8 bytes of the id,
/// modulo [`BUCKETS`].
///
/// `vectors/buckets.json` contains test vectors for other languages.
pub fn bucket(user_id: &str) -> u32 {
    crc32fast::hash(user_id.as_bytes()) % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        user_id: String,
        crc32: u32,
        bucket: u32,
    }

    #[test]
    fn buckets_agree_with_the_published_vectors() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../vectors/buckets.json"))
            .expect("vectors parse");
        assert!(vectors.len() >= 16);
        for vector in vectors {
            assert_eq!(
                crc32fast::hash(vector.user_id.as_bytes()),
                vector.crc32,
                "{}",
                vector.user_id
            );
            assert_eq!(bucket(&vector.user_id), vector.bucket, "{}", vector.user_id);
        }
    }

    #[test]
    fn a_thousand_users_reach_every_bucket() {
        let reached: std::collections::HashSet<u32> = (0..1000)
            .map(|number| bucket(&format!("user_{number}")))
            .collect();
        assert_eq!(u32::try_from(reached.len()), Ok(BUCKETS));
    }
}
