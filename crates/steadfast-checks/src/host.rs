//! The host of an address, and its port where it has one: for kinds whose protocol has its own port, or none.

use std::net::IpAddr;

use steadfast_core::world::endpoint_of;

/// Host and port of `host`, `host:port`, an IP address, or a URL; this port where none is written.
pub fn host_of(address: &str, port: u16) -> Option<(String, u16)> {
    if let Ok(ip) = address.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some((ip.to_string(), port));
    }
    let fits =
        |host: &str| !host.contains(char::is_whitespace) && (!host.contains(':') || host.parse::<IpAddr>().is_ok());
    endpoint_of(address)
        .or_else(|| {
            let host = address.split_once("://").map_or(address, |(_, rest)| rest).split(['/', '?', '#']).next()?;
            endpoint_of(&format!("{host}:{port}"))
        })
        .filter(|(host, _)| fits(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_with_or_without_its_port() {
        let check = |address: &str, expected: Option<(&str, u16)>| {
            let found = host_of(address, 53);
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{address}");
        };
        check("192.0.2.53", Some(("192.0.2.53", 53)));
        check("192.0.2.53:5353", Some(("192.0.2.53", 5353)));
        check("2001:db8::53", Some(("2001:db8::53", 53)));
        check("[2001:db8::53]:5353", Some(("2001:db8::53", 5353)));
        check("Shop.example", Some(("shop.example", 53)));
        check("https://shop.example/d", Some(("shop.example", 443)));
        check("dns://shop.example/d", Some(("shop.example", 53)));
        check("", None);
        check("shop.example:many", None);
        check("two words", None);
    }
}
