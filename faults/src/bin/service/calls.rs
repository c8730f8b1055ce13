//! Requests through the layer, in process.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Waker};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use axum::routing::get;
use lianlu_sdk::TracerProvider;
use tokio::runtime::{Builder, Runtime};
use tower::{Service as _, ServiceExt as _};

/// A service, and the runtime that it is called on.
pub(crate) struct Calls {
    app: Router,
    runtime: Runtime,
}

impl Calls {
    pub(crate) fn new(provider: &TracerProvider) -> Self {
        let app = Router::new()
            .route("/orders/{id}", get(async || "ok"))
            .route("/panics", get(async || -> () { panic!("on purpose") }))
            .route("/waits", get(async || std::future::pending::<()>().await))
            .layer(lianlu::server().with_tracer_provider(provider.clone()));
        Self {
            app,
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }

    fn call(
        &mut self,
        path: &str,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.app.call(request)
    }

    /// So many, one after the other: the median and the 99th percentile in nanoseconds.
    pub(crate) fn timed(&mut self, count: usize) -> String {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let path = format!("/orders/{number}");
            let begun = Instant::now();
            let answer = self.call(&path);
            self.runtime.block_on(async {
                let body = answer.await.unwrap().into_body();
                to_bytes(body, usize::MAX).await.unwrap();
            });
            times.push(begun.elapsed().as_nanos());
        }
        times.sort_unstable();
        let at = |percent: usize| times[count * percent / 100];
        format!("{} {}", at(50), at(99))
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
            let mut answer = Box::pin(self.call("/waits"));
            let polled = answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
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
