//! An order by its number, on axum.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::peers::{self, Peer};

async fn order(Path(id): Path<u64>) -> String {
    format!("order {id}")
}

pub(super) async fn serve(listener: TcpListener, peer: Peer) {
    let router = Router::new().route("/orders/{id}", get(order));
    let router = peers::http(router, peer, false);
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).expect("TCP has this option");
    });
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
    .expect("the server runs until the process ends");
}
