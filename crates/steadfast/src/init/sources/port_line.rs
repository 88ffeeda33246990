//! `127.0.0.1:8080-8081:80-81/udp`: a port as Compose, Docker and EXPOSE write it in one line.

/// A range longer than this is not gone through port by port.
const LONGEST_RANGE: u16 = 16;

/// What one line publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PortLine {
    /// The address of this machine, if it is not all of them.
    pub(super) ip: Option<String>,
    /// Ports of this machine; none if Docker chooses one.
    pub(super) outside: Option<(u16, u16)>,
    /// Ports in the container.
    pub(super) inside: (u16, u16),
    /// `tcp`, `udp`, `sctp`.
    pub(super) protocol: String,
}

impl PortLine {
    /// Reads a line in which no variable is left.
    pub(super) fn read(text: &str) -> Result<PortLine, String> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let wrong = || format!("`{text}` is no port, as `8080:80` is one");
        let protocol = protocol.to_ascii_lowercase();
        if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
            return Err(wrong());
        }
        let (before, inside) = match ports.rsplit_once(':') {
            Some((before, inside)) => (Some(before), inside),
            None => (None, ports),
        };
        let inside = range(inside).ok_or_else(wrong)?;
        let (ip, outside) = match before {
            None => (None, None),
            Some(before) => {
                let (ip, outside) = match before.rsplit_once(':') {
                    Some((ip, outside)) => (Some(ip), outside),
                    None => (None, before),
                };
                let outside = match outside {
                    "" => None,
                    some => Some(range(some).ok_or_else(wrong)?),
                };
                let bare = |ip: &str| ip.trim_start_matches('[').trim_end_matches(']').to_owned();
                (ip.map(bare).filter(|ip| !ip.is_empty()), outside)
            }
        };
        Ok(PortLine { ip, outside, inside, protocol })
    }

    /// Ports in the container with those of this machine that they are, or why that is not known.
    pub(super) fn pairs(&self) -> Result<Vec<(u16, u16)>, String> {
        let Some((first, last)) = self.outside else {
            return Err(
                "Docker chooses a free port of this machine for it: write one before it, as in \"8080:80\"".to_owned()
            );
        };
        let (start, end) = self.inside;
        if last - first >= LONGEST_RANGE {
            return Err(format!("a range of {} ports: name those that matter", u32::from(last - first) + 1));
        }
        if last - first != end - start {
            return Err(format!("which of the ports {first} to {last} it gets is only known when it runs"));
        }
        Ok((0..=last - first).map(|step| (start + step, first + step)).collect())
    }

    /// Whether a client on this machine reaches it by 127.0.0.1.
    pub(super) fn is_on_loopback(&self) -> bool {
        self.ip.as_deref().is_none_or(|ip| ["0.0.0.0", "::", "127.0.0.1", "localhost"].contains(&ip))
    }
}

/// `80` or `80-81`.
pub(super) fn range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    match text.split_once('-') {
        Some((first, last)) => Some((port(first)?, port(last)?)).filter(|(first, last)| first <= last),
        None => port(text).map(|port| (port, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let said = match PortLine::read(text) {
            Ok(line) => {
                let pairs = match line.pairs() {
                    Ok(pairs) => format!("{pairs:?}"),
                    Err(why) => why,
                };
                format!("{pairs} {} {}", line.protocol, line.is_on_loopback())
            }
            Err(why) => why,
        };
        assert!(said.starts_with(expected), "{text}: {said} ≠ {expected}");
    }

    #[test]
    fn every_way_to_write_a_port_is_read() {
        check("8080:80", "[(80, 8080)] tcp true");
        check("127.0.0.1:8080:80/udp", "[(80, 8080)] udp true");
        check("192.0.2.7:8080:80", "[(80, 8080)] tcp false");
        check("[::1]:8080:80", "[(80, 8080)] tcp false");
        check("9090-9091:8080-8081", "[(8080, 9090), (8081, 9091)] tcp true");
        check("8000-8009:80", "which of the ports 8000 to 8009");
        check("1-65535:1-65535", "a range of 65535 ports");
        for random in ["3000", "127.0.0.1::5000", "3000-3005"] {
            check(random, "Docker chooses");
        }
        for wrong in ["", ":", "web:80", "80:", "0:80", "70000:80", "80:80/quic", "9-8:9-8", "a:b:c:d", "-1:80"] {
            check(wrong, &format!("`{wrong}` is no port"));
        }
    }
}
