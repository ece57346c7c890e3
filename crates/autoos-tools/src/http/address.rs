//! Which addresses belong to everybody, and which are somebody's inside.
//!
//! Of IPv6 only what is handed out for global use passes, and what embeds an IPv4 address passes
//! when that does. The lists are IANA's registries of special-purpose addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not global, as address and length of the prefix.
const V4_INSIDE: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // behind a carrier's translation
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, where clouds keep their metadata
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 31, 196, 0], 24), // AS112
    ([192, 88, 99, 0], 24),  // 6to4 relays, withdrawn
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// Networks inside 2000::/3 that are not global after all.
const V6_INSIDE: [([u16; 2], u32); 4] = [
    ([0x2001, 0x0000], 23), // protocol assignments, with Teredo
    ([0x2001, 0x0db8], 32), // documentation
    ([0x2002, 0x0000], 16), // 6to4, which leads to any IPv4 address
    ([0x3fff, 0x0000], 20), // documentation
];

/// Metadata services and the like that live at addresses which look global.
const SERVICES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];

/// Whether anybody on the Internet may be meant by this address.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inside) => v4(inside),
            None => v6(address),
        },
    }
}

fn v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    let inside = V4_INSIDE.iter().any(|(network, length)| {
        let network = u32::from(Ipv4Addr::from(*network));
        (bits ^ network) >> (32 - length) == 0
    });
    !inside && !SERVICES.contains(&address)
}

fn v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let bits = u32::from(segments[0]) << 16 | u32::from(segments[1]);
    let inside = V6_INSIDE.iter().any(|(network, length)| {
        let network = u32::from(network[0]) << 16 | u32::from(network[1]);
        (bits ^ network) >> (32 - length) == 0
    });
    segments[0] >> 13 == 0b001 && !inside
}

/// The IPv4 address in `::ffff:a.b.c.d` and in `64:ff9b::a.b.c.d`, the translation of DNS64.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let translated = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    let mapped = [a, b, c, d, e, f] == [0, 0, 0, 0, 0, 0xffff];
    (mapped || translated).then(|| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(text: &str) -> bool {
        is_global(text.parse().expect("an address"))
    }

    #[test]
    fn everybody() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(global(text), "{text}");
        }
    }

    #[test]
    fn inside() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "198.19.255.255",
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001:0:1::",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!global(text), "{text}");
        }
    }
}
