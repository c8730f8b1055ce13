//! The HTTP gateway: JSON for clients, gRPC to the services.

mod clients;
mod error;
mod items;
mod orders;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderValue, Response};
use axum::middleware::map_response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use lianlu::ServerLayer;
use tokio::net::TcpListener;

pub(crate) use clients::Clients;

/// Serves until `closed`.
pub(crate) async fn serve(
    listener: TcpListener,
    clients: Clients,
    layer: ServerLayer,
    closed: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Router::new()
        .route("/items/{sku}", get(items::show))
        .route("/items/{sku}/prices", get(items::prices))
        .route("/orders", post(orders::place))
        .layer(map_response(add_trace_id))
        // The outermost layer, so that the trace is current in the others.
        .layer(layer)
        .with_state(clients);
    let listener = listener.tap_io(|stream| {
        // Without it, the lines of a stream may be delayed.
        let _ = stream.set_nodelay(true);
    });
    // The peer's address, for the span.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(closed)
        .await
}

/// Adds the trace id, for the caller.
async fn add_trace_id<B>(mut response: Response<B>) -> Response<B> {
    if let Ok(id) = HeaderValue::try_from(lianlu::trace_id()) {
        response.headers_mut().insert("x-trace-id", id);
    }
    response
}
