//! A connection that is written to in large pieces.
//!
//! HTTP/2 cuts a request into frames of 16 KiB, and its library flushes after each. A write to a socket is a system call
//! that wakes the other end; fewer and larger ones take a third less. So what is flushed waits until the connection
//! has had its turn, which begins by [reading](Gathered::poll_read).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Most bytes that are written at once: larger pieces are no faster.
const FULL: usize = 64 * 1024;

/// Gathers what is written to a connection.
pub(super) struct Gathered<T> {
    inner: T,
    bytes: Vec<u8>,
    /// How many of them are written.
    written: usize,
    /// Whether the connection takes no more at the moment, and wakes the task when it does.
    is_stuck: bool,
    /// Why a write failed, for the next one to tell.
    failed: Option<io::Error>,
}

impl<T: Write + Unpin> Gathered<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            bytes: Vec::new(),
            written: 0,
            is_stuck: false,
            failed: None,
        }
    }

    /// Writes all that was gathered.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        while let Some(rest) = self.bytes.get(self.written..).filter(|it| !it.is_empty()) {
            let written = Pin::new(&mut self.inner).poll_write(cx, rest);
            self.is_stuck = written.is_pending();
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.bytes.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Takes what there is room for.
    fn gather(&mut self, bytes: &[u8]) -> usize {
        let room = FULL.saturating_sub(self.bytes.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(FULL);
        }
        self.bytes.extend_from_slice(taken);
        taken.len()
    }
}

impl<T: Read + Write + Unpin> Read for Gathered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever hangs up may have said why.
        if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
            self.bytes.clear();
            self.written = 0;
            self.failed = Some(error);
        }
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl<T: Write + Unpin> Write for Gathered<T> {
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
        if self.bytes.len() >= FULL || self.failed.is_some() {
            ready!(self.poll_drain(cx))?;
        }
        let taken = slices.iter().map(|slice| self.gather(slice)).sum();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            ready!(self.poll_drain(cx))?;
            return Pin::new(&mut self.inner).poll_flush(cx);
        }
        if !self.is_stuck {
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

    /// A connection that takes so many bytes, and then no more, or an error.
    #[derive(Default)]
    struct Socket {
        takes: usize,
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
            let taken = bytes.len().min(self.takes);
            if taken == 0 {
                let error = self.error.map(|error| Err(error.into()));
                return error.map_or(Poll::Pending, Poll::Ready);
            }
            self.takes -= taken;
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
        gathered: Gathered<Socket>,
        wakes: Arc<Wakes>,
    }

    impl Test {
        fn of(takes: usize, error: Option<io::ErrorKind>) -> Self {
            Self {
                gathered: Gathered::new(Socket {
                    takes,
                    error,
                    ..Socket::default()
                }),
                wakes: Arc::default(),
            }
        }

        fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            Pin::new(&mut self.gathered).poll_write(&mut Context::from_waker(&waker), bytes)
        }

        fn flush(&mut self) -> Poll<io::Result<()>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            Pin::new(&mut self.gathered).poll_flush(&mut Context::from_waker(&waker))
        }

        fn read(&mut self) -> Poll<io::Result<()>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            let mut room = [0; 8];
            let mut room = hyper::rt::ReadBuf::new(&mut room);
            let mut cx = Context::from_waker(&waker);
            Pin::new(&mut self.gathered).poll_read(&mut cx, room.unfilled())
        }

        fn wakes(&self) -> usize {
            self.wakes.0.load(Ordering::Relaxed)
        }

        fn writes(&self) -> Vec<usize> {
            self.gathered.inner.writes.iter().map(Vec::len).collect()
        }
    }

    fn is_ok<T>(poll: Poll<io::Result<T>>) -> bool {
        matches!(poll, Poll::Ready(Ok(_)))
    }

    #[test]
    fn frames_go_out_together_when_the_connection_has_its_next_turn() {
        let mut test = Test::of(usize::MAX, None);
        for length in [5, 9, 16_384, 9, 100] {
            assert!(is_ok(test.write(&vec![7; length])) && is_ok(test.flush()));
        }
        assert!(test.writes().is_empty());
        assert!(test.wakes() > 0, "nobody comes back for them");
        assert!(is_ok(test.read()));
        assert_eq!(test.writes(), [5 + 9 + 16_384 + 9 + 100]);
        // Nothing is left, and nobody is woken for that.
        let wakes = test.wakes();
        assert!(is_ok(test.flush()) && is_ok(test.read()));
        assert_eq!((test.writes().len(), test.wakes()), (1, wakes));
    }

    #[test]
    fn it_holds_so_much_and_no_more() {
        let mut test = Test::of(usize::MAX, None);
        let all: Vec<u8> = (0..3 * FULL + 1).map(|at| at as u8).collect();
        let mut rest = &all[..];
        while !rest.is_empty() {
            let Poll::Ready(Ok(taken)) = test.write(rest) else {
                panic!("the socket takes all");
            };
            assert!(taken > 0);
            rest = &rest[taken..];
            assert!(test.gathered.bytes.len() <= FULL);
        }
        assert_eq!(test.writes(), [FULL; 3]);
        let waker = Waker::from(Arc::clone(&test.wakes));
        let mut cx = Context::from_waker(&waker);
        assert!(is_ok(Pin::new(&mut test.gathered).poll_shutdown(&mut cx)));
        assert_eq!(test.gathered.inner.writes.concat(), all);
    }

    #[test]
    fn a_socket_that_is_full_is_waited_for() {
        let mut test = Test::of(10, None);
        assert!(is_ok(test.write(&[1; 30])) && is_ok(test.flush()));
        assert!(is_ok(test.read()));
        assert_eq!(test.writes(), [10]);
        // The socket wakes the task; waking it here would keep a processor busy until then.
        let wakes = test.wakes();
        assert!(is_ok(test.flush()) && is_ok(test.read()) && is_ok(test.flush()));
        assert_eq!(test.wakes(), wakes);
        assert!(test.write(&[2; FULL]).is_ready());
        assert!(test.write(&[2]).is_pending());
        test.gathered.inner.takes = usize::MAX;
        assert!(is_ok(test.read()));
        assert_eq!(test.gathered.inner.writes.concat().len(), FULL);
        assert!(is_ok(test.write(&[3])) && is_ok(test.flush()));
        assert_eq!(test.wakes(), wakes + 1);
    }

    #[test]
    fn who_hangs_up_is_heard_all_the_same() {
        let mut test = Test::of(0, Some(io::ErrorKind::BrokenPipe));
        assert!(is_ok(test.write(&[1; 30])) && is_ok(test.flush()));
        assert!(is_ok(test.read()));
        assert_eq!(test.gathered.inner.reads, 1);
        let Poll::Ready(Err(error)) = test.flush() else {
            panic!("nobody is told of it");
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
