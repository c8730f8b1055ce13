//! Coalesces the writes to a connection.
//!
//! HTTP/2 splits a request into frames of 16 KiB, and the library flushes after each. A write to a
//! socket is a system call that wakes the peer; fewer and larger writes take a third less CPU. So
//! flushed bytes wait until the connection is polled again, which starts with a
//! [read](WriteCoalescer::poll_read).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Most bytes written at once: larger writes are no faster.
const CAPACITY: usize = 64 * 1024;

/// Buffers what is written to a connection.
pub(super) struct WriteCoalescer<T> {
    inner: T,
    bytes: Vec<u8>,
    /// Number of buffered bytes already written.
    written: usize,
    /// The socket is full, and wakes the task when it accepts more.
    is_blocked: bool,
    /// The error of a deferred write, returned by the next write.
    deferred_error: Option<io::Error>,
}

impl<T: Write + Unpin> WriteCoalescer<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            bytes: Vec::new(),
            written: 0,
            is_blocked: false,
            deferred_error: None,
        }
    }

    /// Writes everything that is buffered.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.deferred_error.take() {
            return Poll::Ready(Err(error));
        }
        while let Some(rest) = self.bytes.get(self.written..).filter(|it| !it.is_empty()) {
            let written = Pin::new(&mut self.inner).poll_write(cx, rest);
            self.is_blocked = written.is_pending();
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.bytes.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Buffers as many bytes as fit.
    fn buffer(&mut self, bytes: &[u8]) -> usize {
        let space = CAPACITY.saturating_sub(self.bytes.len());
        let taken = bytes.get(..space).unwrap_or(bytes);
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(CAPACITY);
        }
        self.bytes.extend_from_slice(taken);
        taken.len()
    }
}

impl<T: Read + Write + Unpin> Read for WriteCoalescer<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Read in spite of an error: the peer may have sent a reason before closing.
        if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
            self.bytes.clear();
            self.written = 0;
            self.deferred_error = Some(error);
        }
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl<T: Write + Unpin> Write for WriteCoalescer<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.bytes.len() >= CAPACITY || self.deferred_error.is_some() {
            ready!(self.poll_drain(cx))?;
        }
        let taken = slices.iter().map(|slice| self.buffer(slice)).sum();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            ready!(self.poll_drain(cx))?;
            return Pin::new(&mut self.inner).poll_flush(cx);
        }
        if !self.is_blocked {
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    /// A socket that accepts this many bytes, then blocks or fails.
    #[derive(Default)]
    struct Socket {
        accepts: usize,
        error: Option<io::ErrorKind>,
        writes: Vec<Vec<u8>>,
        reads: usize,
    }

    impl Read for Socket {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            self.reads += 1;
            Poll::Ready(Ok(()))
        }
    }

    impl Write for Socket {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.accepts);
            if taken == 0 {
                let error = self.error.map(|error| Err(error.into()));
                return error.map_or(Poll::Pending, Poll::Ready);
            }
            self.accepts -= taken;
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Test {
        io: WriteCoalescer<Socket>,
        wakes: Arc<Wakes>,
    }

    impl Test {
        fn of(accepts: usize, error: Option<io::ErrorKind>) -> Self {
            Self {
                io: WriteCoalescer::new(Socket {
                    accepts,
                    error,
                    ..Socket::default()
                }),
                wakes: Arc::default(),
            }
        }

        fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            Pin::new(&mut self.io).poll_write(&mut Context::from_waker(&waker), bytes)
        }

        fn flush(&mut self) -> Poll<io::Result<()>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            Pin::new(&mut self.io).poll_flush(&mut Context::from_waker(&waker))
        }

        fn read(&mut self) -> Poll<io::Result<()>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            let mut space = [0; 8];
            let mut space = hyper::rt::ReadBuf::new(&mut space);
            let mut cx = Context::from_waker(&waker);
            Pin::new(&mut self.io).poll_read(&mut cx, space.unfilled())
        }

        fn wakes(&self) -> usize {
            self.wakes.0.load(Ordering::Relaxed)
        }

        fn writes(&self) -> Vec<usize> {
            self.io.inner.writes.iter().map(Vec::len).collect()
        }
    }

    fn is_ok<T>(poll: Poll<io::Result<T>>) -> bool {
        matches!(poll, Poll::Ready(Ok(_)))
    }

    #[test]
    fn frames_are_written_together_at_the_next_poll() {
        let mut test = Test::of(usize::MAX, None);
        for length in [5, 9, 16_384, 9, 100] {
            assert!(is_ok(test.write(&vec![7; length])) && is_ok(test.flush()));
        }
        assert!(test.writes().is_empty());
        assert!(test.wakes() > 0, "the task is not woken");
        assert!(is_ok(test.read()));
        assert_eq!(test.writes(), [5 + 9 + 16_384 + 9 + 100]);
        // Nothing is buffered, so the task is not woken.
        let wakes = test.wakes();
        assert!(is_ok(test.flush()) && is_ok(test.read()));
        assert_eq!((test.writes().len(), test.wakes()), (1, wakes));
    }

    #[test]
    fn buffers_at_most_its_capacity() {
        let mut test = Test::of(usize::MAX, None);
        let all: Vec<u8> = (0..3 * CAPACITY + 1).map(|at| at as u8).collect();
        let mut rest = &all[..];
        while !rest.is_empty() {
            let Poll::Ready(Ok(taken)) = test.write(rest) else {
                panic!("the socket accepts all");
            };
            assert!(taken > 0);
            rest = &rest[taken..];
            assert!(test.io.bytes.len() <= CAPACITY);
        }
        assert_eq!(test.writes(), [CAPACITY; 3]);
        let waker = Waker::from(Arc::clone(&test.wakes));
        let mut cx = Context::from_waker(&waker);
        assert!(is_ok(Pin::new(&mut test.io).poll_shutdown(&mut cx)));
        assert_eq!(test.io.inner.writes.concat(), all);
    }

    #[test]
    fn waits_for_a_full_socket() {
        let mut test = Test::of(10, None);
        assert!(is_ok(test.write(&[1; 30])) && is_ok(test.flush()));
        assert!(is_ok(test.read()));
        assert_eq!(test.writes(), [10]);
        // The socket wakes the task; waking it here would busy-loop until then.
        let wakes = test.wakes();
        assert!(is_ok(test.flush()) && is_ok(test.read()) && is_ok(test.flush()));
        assert_eq!(test.wakes(), wakes);
        assert!(test.write(&[2; CAPACITY]).is_ready());
        assert!(test.write(&[2]).is_pending());
        test.io.inner.accepts = usize::MAX;
        assert!(is_ok(test.read()));
        assert_eq!(test.io.inner.writes.concat().len(), CAPACITY);
        assert!(is_ok(test.write(&[3])) && is_ok(test.flush()));
        assert_eq!(test.wakes(), wakes + 1);
    }

    #[test]
    fn reads_after_a_failed_write() {
        let mut test = Test::of(0, Some(io::ErrorKind::BrokenPipe));
        assert!(is_ok(test.write(&[1; 30])) && is_ok(test.flush()));
        assert!(is_ok(test.read()));
        assert_eq!(test.io.inner.reads, 1);
        let Poll::Ready(Err(error)) = test.flush() else {
            panic!("the error is lost");
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
