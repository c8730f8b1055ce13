//! Requests through the layer, in process and over connections.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::task::{Context, Poll, Waker};
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

type Call = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// An HTTP service, and the runtime that calls it.
pub(crate) struct Calls {
    app: Router,
    runtime: Runtime,
    /// Its address, once it listens.
    address: Option<SocketAddr>,
    /// Requests whose handlers wait.
    open: Vec<Call>,
}

/// A body that begins and never ends.
async fn streams() -> Body {
    let begin = tokio_stream::once(Ok::<_, Infallible>("begun"));
    Body::from_stream(begin.chain(tokio_stream::pending()))
}

/// A handler that reports its start and never ends.
async fn works() -> Body {
    *BEGUN.0.lock().unwrap() += 1;
    BEGUN.1.notify_all();
    std::future::pending().await
}

/// A handler that waits for [`Calls::finish`].
async fn waits() -> &'static str {
    poll_fn(|_| match MAY_FINISH.load(Ordering::Relaxed) {
        true => Poll::Ready("ok"),
        false => Poll::Pending,
    })
    .await
}

static MAY_FINISH: AtomicBool = AtomicBool::new(false);

/// Number of started handlers of `works`.
static BEGUN: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Calls {
    pub(crate) fn new(provider: &TracerProvider) -> Self {
        let app = Router::new()
            .route("/orders/{id}", get(async || "ok"))
            .route("/panics", get(async || -> () { panic!("on purpose") }))
            .route("/works", get(works))
            .route("/waits", get(waits))
            .route("/streams", get(streams))
            .layer(lianlu::server().with_tracer_provider(provider.clone()));
        Self {
            app,
            runtime: Builder::new_current_thread().build().unwrap(),
            address: None,
            open: Vec::new(),
        }
    }

    fn call(
        &mut self,
        path: &str,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.app.call(request)
    }

    /// Completes so many requests, one after the other.
    pub(crate) fn complete(&mut self, count: usize) {
        for number in 0..count {
            self.complete_one(number);
        }
    }

    fn complete_one(&mut self, number: usize) {
        let answer = self.call(&format!("/orders/{number}"));
        self.runtime.block_on(async {
            let body = answer.await.unwrap().into_body();
            to_bytes(body, usize::MAX).await.unwrap();
        });
    }

    /// Completes so many requests. Returns the median and the 99th percentile of their times, in nanoseconds.
    pub(crate) fn timed(&mut self, count: usize) -> String {
        let mut times: Vec<_> = (0..count)
            .map(|number| {
                let begun = Instant::now();
                self.complete_one(number);
                begun.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        format!("{} {}", times[count / 2], times[count * 99 / 100])
    }

    /// Begins so many requests whose handlers wait.
    pub(crate) fn wait(&mut self, count: usize) {
        MAY_FINISH.store(false, Ordering::Relaxed);
        for _ in 0..count {
            let mut answer: Call = Box::pin(self.call("/waits"));
            let polled = answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
            self.open.push(answer);
        }
    }

    /// Completes those requests.
    pub(crate) fn finish(&mut self) {
        MAY_FINISH.store(true, Ordering::Relaxed);
        for answer in self.open.drain(..) {
            self.runtime.block_on(async {
                let body = answer.await.unwrap().into_body();
                to_bytes(body, usize::MAX).await.unwrap();
            });
        }
    }

    /// Makes so many requests whose handlers panic.
    pub(crate) fn panics(&mut self, count: usize) {
        for _ in 0..count {
            let answer = self.call("/panics");
            let work = AssertUnwindSafe(|| self.runtime.block_on(answer));
            assert!(std::panic::catch_unwind(work).is_err());
        }
    }

    /// Makes so many requests and drops their futures while the handlers work.
    pub(crate) fn dropped(&mut self, count: usize) {
        for _ in 0..count {
            let mut answer = Box::pin(self.call("/works"));
            let polled = answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
    }

    /// Makes so many requests whose clients close the connection while the handler works, or during the answer.
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

    /// Makes so many requests and drops the answers before their bodies are read.
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
