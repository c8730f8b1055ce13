//! The headers that a server receives.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::any;
use http::HeaderMap;
use lianlu_protos::testing::echo_server::EchoServer;

use super::echo::Echo;
use super::http as net;

/// A server without a layer that keeps the headers of its requests.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<HeaderMap>>>);

impl Seen {
    /// The headers of the only request since the last call of this.
    pub fn take(&self) -> HeaderMap {
        let mut seen = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    /// The value of a header of the only request since then.
    pub fn header(&self, name: &str) -> Option<String> {
        value(&self.take(), name)
    }

    /// Serves HTTP at `/`, and gRPC.
    pub async fn serve(&self) -> std::net::SocketAddr {
        let seen = self.clone();
        let keep = move |request: Request, next: Next| {
            seen.0.lock().unwrap().push(request.headers().clone());
            next.run(request)
        };
        let app: Router = tonic::service::Routes::new(EchoServer::new(Echo::default()))
            .into_axum_router()
            .route("/", any(async || "hello"))
            .layer(from_fn(keep));
        net::serve(app).await
    }
}

/// The value of a header, which must not be there twice.
pub fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values
        .next()
        .map(|value| value.to_str().unwrap().to_owned());
    assert!(
        values.next().is_none(),
        "{name} is there twice in {headers:?}"
    );
    value
}

/// The parts of a valid `traceparent`: trace id, parent id, flags.
pub fn traceparent(text: &str) -> [String; 3] {
    let parts: Vec<_> = text.split('-').map(str::to_owned).collect();
    let [version, trace, parent, flags] = &parts[..] else {
        panic!("{text}")
    };
    assert_eq!((version.as_str(), text.len()), ("00", 55), "{text}");
    assert_ne!(trace.trim_matches('0'), "", "{text}");
    assert_ne!(parent.trim_matches('0'), "", "{text}");
    [trace.clone(), parent.clone(), flags.clone()]
}
