//! The wire contract of AUTOOS: what `proto/` says, as types, clients and servers.
//!
//! Everything in [`v1`] is generated when the crate is built, comments included; the files in
//! `proto/` are the place to read. Left out: conversions to and from the system's own types,
//! which live with the edge that makes them.

/// The public API, version 1.
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("autoos.v1");
}

/// What nodes of a cluster say to each other, version 1.
pub mod internal {
    /// The links of consensus.
    #[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
    pub mod v1 {
        tonic::include_proto!("autoos.internal.v1");
    }
}

/// The compiled descriptors of [`v1`], for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/autoos.v1.bin"));

#[cfg(test)]
mod tests {
    use prost::Message as _;

    #[test]
    fn every_service_is_described_and_documented() {
        let set = prost_types::FileDescriptorSet::decode(super::DESCRIPTORS).expect("decodes");
        let mut undocumented = Vec::new();
        let mut services = Vec::new();
        for file in set.file.iter().filter(|f| f.package() == "autoos.v1") {
            let comments: Vec<&[i32]> = file
                .source_code_info
                .iter()
                .flat_map(|info| &info.location)
                .filter(|l| !l.leading_comments().trim().is_empty())
                .map(|l| l.path.as_slice())
                .collect();
            let mut see = |path: &[i32], name: String| {
                if !comments.contains(&path) {
                    undocumented.push(name);
                }
            };
            assert!(file.service.len() <= 1, "{} has more than one service", file.name());
            for service in &file.service {
                services.push(service.name().to_owned());
                see(&[6, 0], service.name().into());
                for (n, method) in service.method.iter().enumerate() {
                    see(&[6, 0, 2, n as i32], format!("{}.{}", service.name(), method.name()));
                }
            }
            for (m, message) in file.message_type.iter().enumerate() {
                see(&[4, m as i32], message.name().into());
                for (n, field) in message.field.iter().enumerate() {
                    let path = [4, m as i32, 2, n as i32];
                    see(&path, format!("{}.{}", message.name(), field.name()));
                }
            }
        }
        services.sort();
        let all = "Accounts Audit Backups Escalations Events Intents Keys Lessons Log Providers \
                   Tools Uploads Workflows";
        assert_eq!(services.join(" "), all);
        assert_eq!(undocumented, Vec::<String>::new());
    }
}
