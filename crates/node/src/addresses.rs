//! Which addresses of a list from outside are fit to be connected to (service-nodes 9.3).

use std::net::Ipv4Addr;

use crate::registry::ListedNode;

/// Ports below this belong to other services.
const LOWEST_PORT: u16 = 1024;

/// Whether an address is one of the open internet: not private, shared, loopback, link-local, multicast, reserved, or for
/// documentation and benchmarks.
#[must_use]
pub const fn is_public(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18);
    !special
}

/// Whether a gateway may connect to this node.
#[must_use]
pub const fn is_fit(node: &ListedNode, allow_private: bool) -> bool {
    node.has_address() && (allow_private || (is_public(node.ip) && node.port >= LOWEST_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_public() {
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(bad.parse().is_ok_and(|ip| !is_public(ip)), "{bad}");
        }
        for good in
            ["1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.1"]
        {
            assert!(good.parse().is_ok_and(is_public), "{good}");
        }
    }
}
