//! A bound on what is read before an answer's header is complete: a server may send `100 Continue` for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes may come before an answer. What is interim (1xx) counts, too.
const MOST: usize = 512 << 10;

/// How much may still be read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct HeadBound(Arc<AtomicUsize>);

impl HeadBound {
    /// One that is in force.
    pub(crate) fn new() -> HeadBound {
        HeadBound(Arc::new(AtomicUsize::new(MOST)))
    }

    /// An answer is awaited.
    pub(crate) fn set(&self) {
        self.0.store(MOST, Ordering::Relaxed);
    }

    /// The answer's header is there: the body has a limit of its own.
    pub(crate) fn lift(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> bool {
        match self.0.load(Ordering::Relaxed) {
            usize::MAX => true,
            left => {
                self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
                left >= bytes
            }
        }
    }
}

/// A stream that ends in an error when the bound is used up.
pub(crate) struct Bounded<S> {
    pub(crate) stream: S,
    pub(crate) bound: HeadBound,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.bound.spend(buffer.filled().len() - before) {
            return Poll::Ready(Ok(()));
        }
        let what = format!("more than {} KiB came before the end of the answer's header", MOST >> 10);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
