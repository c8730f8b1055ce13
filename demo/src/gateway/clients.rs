//! The gateway's gRPC clients.

use std::net::SocketAddr;

use lianlu::layer::ClientService;
use lianlu_protos::shop::orders_client::OrdersClient;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceBuilder;

use crate::catalog;
use crate::telemetry::Service as Telemetry;

/// Traced clients of the services behind the gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(super) orders: OrdersClient<ClientService<Channel>>,
    pub(super) catalog: catalog::Client,
}

impl Clients {
    /// Clients that connect with their first call.
    pub(crate) fn new(
        orders: SocketAddr,
        catalog: SocketAddr,
        gateway: &Telemetry,
    ) -> Result<Self, tonic::transport::Error> {
        let url = format!("http://{orders}");
        let channel = Endpoint::from_shared(url.clone())?.connect_lazy();
        let channel = ServiceBuilder::new()
            .layer(gateway.client().with_target(url))
            .service(channel);
        Ok(Self {
            orders: OrdersClient::new(channel),
            catalog: catalog::client(catalog, gateway)?,
        })
    }
}
