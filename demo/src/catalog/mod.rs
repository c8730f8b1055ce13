//! The gRPC service `catalog`: what the shop sells.

mod database;
mod item;
mod prices;
mod service;

use std::future::Future;
use std::net::SocketAddr;

use lianlu::{ServerLayer, layer::ClientService};
use lianlu_protos::shop::catalog_client::CatalogClient;
use lianlu_protos::shop::catalog_server::CatalogServer;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tower::ServiceBuilder;

use crate::telemetry::Service as Telemetry;
pub(crate) use database::Database;

/// A traced client of the catalog.
pub(crate) type Client = CatalogClient<ClientService<Channel>>;

/// A client for the service `caller`, which connects with its first call.
pub(crate) fn client(
    address: SocketAddr,
    caller: &Telemetry,
) -> Result<Client, tonic::transport::Error> {
    let url = format!("http://{address}");
    let channel = Endpoint::from_shared(url.clone())?.connect_lazy();
    Ok(CatalogClient::new(
        ServiceBuilder::new()
            .layer(caller.client().with_target(url))
            .service(channel),
    ))
}

/// Serves until `closed`.
pub(crate) async fn serve(
    listener: TcpListener,
    database: Database,
    layer: ServerLayer,
    closed: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .layer(layer)
        .add_service(CatalogServer::new(service::Service::new(database)))
        .serve_with_incoming_shutdown(incoming, closed)
        .await
}
