//! A listener that counts who comes: the proof that nobody was dialled.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Accepts, counts, answers with one fixed text, and closes.
pub struct Listener {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Opens one that answers with a page.
    pub fn open() -> Listener {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (accepted, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (accepted, stop) = (Arc::clone(&accepted), Arc::clone(&stop));
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    accepted.fetch_add(1, Ordering::SeqCst);
                    if let Ok(mut stream) = stream {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nproduction");
                    }
                }
            }
        });
        Listener { address, accepted, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far. One of our own goes ahead, so that none is still in the queue.
    pub fn accepted(&self) -> usize {
        let before = self.accepted.load(Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let ours = crate::patience::until("our own connection", || {
            let now = self.accepted.load(Ordering::SeqCst);
            if now > before { Ok(now) } else { Err("not accepted yet".to_owned()) }
        });
        self.accepted.fetch_sub(1, Ordering::SeqCst);
        ours - 1
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
