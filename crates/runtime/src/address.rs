//! Addresses that no name may lead to: a guest that may ask a host must not reach this machine's own services, or
//! the metadata service of a cloud, because somebody's DNS says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address that a name resolved to may be dialled. Private networks may: whoever grants a name of the
/// company's network means it.
pub(crate) fn is_reachable(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_reachable_v4(address),
        IpAddr::V6(address) => is_reachable_v6(address),
    }
}

fn is_reachable_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let refused = a == 0
        || a >= 240
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        // Benchmarks (RFC 2544) and protocol assignments (RFC 6890), among them Oracle's metadata at 192.0.0.192.
        || (a == 198 && b & 0xfe == 18)
        || (a, b, c) == (192, 0, 0)
        // Alibaba's metadata service.
        || (a, b, c, d) == (100, 100, 100, 200);
    !refused
}

fn is_reachable_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let Some(inner) = embedded_v4(segments) {
        return is_reachable_v4(inner);
    }
    let refused = address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unicast_link_local()
        // Site-local, deprecated; documentation.
        || segments[0] & 0xffc0 == 0xfec0
        || (segments[0], segments[1]) == (0x2001, 0xdb8)
        // Amazon's metadata service.
        || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    !refused
}

/// The IPv4 address that an IPv6 one stands for: NAT64, 6to4, Teredo, and the deprecated compatible form.
fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 1, .., high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0x2001, 0, .., high, low] => Some(v4(!high, !low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_to_this_machine_or_to_metadata() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "100.100.100.200",
            "192.0.0.192",
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::1",
            "::ffff:7f00:1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2001:0:1:2:3:4:80ff:fffe",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!is_reachable(text.parse().expect(text)), "{text}");
        }
    }

    #[test]
    fn the_world_and_private_networks_can_be_granted() {
        for text in ["93.184.216.34", "10.0.0.1", "192.168.1.1", "2606:4700::1111", "fd12::1", "64:ff9b::808:808"] {
            assert!(is_reachable(text.parse().expect(text)), "{text}");
        }
    }
}
