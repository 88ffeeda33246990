//! Ports for servers that cannot be asked to take any: free now, and below those that outgoing connections use.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Ports that are free now. Another process may still be faster, so whoever binds them must be ready to ask again.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let begin = u16::try_from(std::process::id() % 17_000).unwrap_or(0);
    let mut held = Vec::new();
    std::array::from_fn(|_| {
        loop {
            let port = 12_000 + (begin + NEXT.fetch_add(7, Ordering::Relaxed) % 17_000) % 17_000;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                held.push(listener);
                return port;
            }
        }
    })
}
