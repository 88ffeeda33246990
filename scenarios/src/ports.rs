//! Ports for servers that cannot be asked to take any: free now, and below those that outgoing connections use.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);

/// What reserves this process's ports: closed when it ends, however it ends.
static RESERVED: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());

/// Ports that are free now, and that no other test is given as long as this process lives. A program that asks
/// nobody may still be faster, so whoever binds them must be ready to ask again.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let begin = u16::try_from(std::process::id() % 17_000).unwrap_or(0);
    std::array::from_fn(|_| {
        loop {
            let port = 12_000 + (begin + NEXT.fetch_add(7, Ordering::Relaxed) % 17_000) % 17_000;
            // A listener of another test may have ended a moment ago: its reservation is gone, its port is free.
            if is_reserved(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

/// Takes the name of a port in the abstract namespace of Unix sockets, which is as wide as that of the ports
/// (one network namespace) and leaves nothing behind. False when another has it.
fn is_reserved(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(name(port)).expect("a short name");
    let Ok(reservation) = UnixDatagram::bind_addr(&name) else { return false };
    RESERVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(reservation);
    true
}

fn name(port: u16) -> String {
    format!("a port of a Steadfast test: {port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_another_test_was_given_is_not_given_again() {
        let [first, second] = free_ports();
        assert_ne!(first, second);
        // The next in line, as another process would hold it: reserved, and not bound yet.
        let next = 12_000 + (second - 12_000 + 7) % 17_000;
        let other = SocketAddr::from_abstract_name(name(next)).unwrap();
        let held = UnixDatagram::bind_addr(&other);
        let [third] = free_ports();
        assert_ne!(third, next);
        drop(held);
    }
}
