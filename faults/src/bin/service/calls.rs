//! Requests through the layer, in process and over connections.

use std::convert::Infallible;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::{Condvar, Mutex};
use std::task::{Context, Waker};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use axum::routing::get;
use lianlu_sdk::TracerProvider;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt as _;
use tower::{Service as _, ServiceExt as _};

/// A service, and the runtime that it is called on.
pub(crate) struct Calls {
    app: Router,
    runtime: Runtime,
    /// Where it listens, once it does.
    address: Option<SocketAddr>,
}

/// What a thread waits for a processor, as Linux counts it.
struct Queue(Option<File>);

impl Queue {
    fn of_this_thread() -> Self {
        Self(File::open("/proc/thread-self/schedstat").ok())
    }

    /// In nanoseconds; 0 where it is not counted.
    fn waited(&self) -> u64 {
        let mut line = [0; 64];
        let read = self.0.as_ref().map(|file| file.read_at(&mut line, 0));
        let Some(Ok(length)) = read else { return 0 };
        let line = std::str::from_utf8(&line[..length]).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// A body that has begun, and goes on for ever.
async fn streams() -> Body {
    let begin = tokio_stream::once(Ok::<_, Infallible>("begun"));
    Body::from_stream(begin.chain(tokio_stream::pending()))
}

/// Says that it has begun, and works for ever.
async fn works() -> Body {
    *BEGUN.0.lock().unwrap() += 1;
    BEGUN.1.notify_all();
    std::future::pending().await
}

/// How many handlers.
static BEGUN: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Calls {
    pub(crate) fn new(provider: &TracerProvider) -> Self {
        let app = Router::new()
            .route("/orders/{id}", get(async || "ok"))
            .route("/panics", get(async || -> () { panic!("on purpose") }))
            .route("/works", get(works))
            .route("/streams", get(streams))
            .layer(lianlu::server().with_tracer_provider(provider.clone()));
        Self {
            app,
            runtime: Builder::new_current_thread().build().unwrap(),
            address: None,
        }
    }

    fn call(
        &mut self,
        path: &str,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.app.call(request)
    }

    /// So many, one after the other: the median and the 99th percentile in nanoseconds, and the latter without the time
    /// for which there was no processor.
    pub(crate) fn timed(&mut self, count: usize) -> String {
        let (mut times, mut own) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let queue = Queue::of_this_thread();
        for number in 0..count {
            let path = format!("/orders/{number}");
            let waited = queue.waited();
            let begun = Instant::now();
            let answer = self.call(&path);
            self.runtime.block_on(async {
                let body = answer.await.unwrap().into_body();
                to_bytes(body, usize::MAX).await.unwrap();
            });
            let took = begun.elapsed().as_nanos() as u64;
            times.push(took);
            own.push(took.saturating_sub(queue.waited() - waited));
        }
        times.sort_unstable();
        own.sort_unstable();
        let at = |percent: usize| count * percent / 100;
        format!("{} {} {}", times[at(50)], times[at(99)], own[at(99)])
    }

    /// So many whose handler panics.
    pub(crate) fn panics(&mut self, count: usize) {
        std::panic::set_hook(Box::new(|_| {}));
        for _ in 0..count {
            let answer = self.call("/panics");
            let work = AssertUnwindSafe(|| self.runtime.block_on(answer));
            assert!(std::panic::catch_unwind(work).is_err());
        }
        drop(std::panic::take_hook());
    }

    /// So many that nobody waits for any more while the handler works.
    pub(crate) fn dropped(&mut self, count: usize) {
        for _ in 0..count {
            let mut answer = Box::pin(self.call("/works"));
            let polled = answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
    }

    /// So many whose client closes its connection while the handler works, or when the answer has begun.
    pub(crate) fn gone(&mut self, count: usize, path: &str) {
        let address = self.listen();
        for _ in 0..count {
            let before = *BEGUN.0.lock().unwrap();
            let mut client = TcpStream::connect(address).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n");
            client.write_all(request.as_bytes()).unwrap();
            match path {
                "/works" => {
                    let begun = BEGUN.0.lock().unwrap();
                    drop(BEGUN.1.wait_while(begun, |it| *it == before).unwrap());
                }
                _ => {
                    let mut answer = Vec::new();
                    while !answer.ends_with(b"begun\r\n") {
                        let mut byte = [0];
                        client.read_exact(&mut byte).unwrap();
                        answer.extend(byte);
                    }
                }
            }
        }
    }

    fn listen(&mut self) -> SocketAddr {
        let app = self.app.clone();
        *self.address.get_or_insert_with(|| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            std::thread::spawn(move || {
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).unwrap();
                    axum::serve(listener, app).await.unwrap();
                });
            });
            address
        })
    }

    /// So many whose client goes when it has the head.
    pub(crate) fn unread(&mut self, count: usize) {
        for _ in 0..count {
            let answer = self
                .app
                .clone()
                .oneshot(Request::get("/orders/1").body(Body::empty()).unwrap());
            drop(self.runtime.block_on(answer).unwrap());
        }
    }
}
