//! A listener that counts who comes: the proof that nobody was dialled.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Accepts, counts, answers with one fixed text, and closes.
pub struct Listener {
    address: SocketAddr,
    visitors: Arc<Mutex<Vec<SocketAddr>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Opens one that answers with a page.
    pub fn open() -> Listener {
        Listener::answering(|_| (200, "production".to_owned()))
    }

    /// Opens one whose answer (status and body) depends on how many came before.
    pub fn answering(answer: impl Fn(usize) -> (u16, String) + Send + 'static) -> Listener {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (visitors, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (visitors, stop) = (Arc::clone(&visitors), Arc::clone(&stop));
            move || {
                while let Ok((mut stream, visitor)) = listener.accept() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let before = {
                        let mut visitors = visitors.lock().expect("no visitor panics");
                        visitors.push(visitor);
                        visitors.len() - 1
                    };
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                    if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                        let (status, body) = answer(before);
                        let head = format!(
                            "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                            body.len()
                        );
                        let _ = stream.write_all((head + &body).as_bytes());
                    }
                }
            }
        });
        Listener { address, visitors, stop, thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far. One of our own goes last, so that none is still in the queue.
    pub fn accepted(&self) -> usize {
        let ours = TcpStream::connect(self.address).and_then(|stream| stream.local_addr()).expect("our own connection");
        crate::patience::until("our own connection", || {
            let mut visitors = self.visitors.lock().map_err(|why| why.to_string())?;
            let at = visitors.iter().position(|visitor| *visitor == ours).ok_or("not accepted yet")?;
            visitors.remove(at);
            Ok(visitors.len())
        })
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
