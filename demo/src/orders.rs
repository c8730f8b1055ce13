//! The gRPC service `orders`: takes orders, and asks the catalog for price and stock.

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu::ServerLayer;
use lianlu_protos::shop::orders_server::{Orders, OrdersServer};
use lianlu_protos::shop::{GetItemRequest, Order, PlaceOrderRequest};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::catalog;

const QUANTITY: RangeInclusive<u32> = 1..=100;

/// Serves until `closed`.
pub(crate) async fn serve(
    listener: TcpListener,
    catalog: catalog::Client,
    layer: ServerLayer,
    closed: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let service = Service {
        catalog,
        placed: AtomicU64::new(0),
    };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .layer(layer)
        .add_service(OrdersServer::new(service))
        .serve_with_incoming_shutdown(incoming, closed)
        .await
}

#[derive(Debug)]
struct Service {
    catalog: catalog::Client,
    placed: AtomicU64,
}

#[tonic::async_trait]
impl Orders for Service {
    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        let PlaceOrderRequest { sku, quantity } = request.into_inner();
        if !QUANTITY.contains(&quantity) {
            return Err(Status::invalid_argument(format!(
                "quantity is between {} and {}, got {quantity}",
                QUANTITY.start(),
                QUANTITY.end()
            )));
        }
        let mut catalog = self.catalog.clone();
        let item = catalog
            .get_item(GetItemRequest { sku })
            .await
            // The catalog's status, without its headers.
            .map_err(|status| Status::new(status.code(), status.message()))?
            .into_inner();
        if item.in_stock < quantity {
            return Err(Status::failed_precondition(format!(
                "{} of {:?} in stock, {quantity} wanted",
                item.in_stock, item.sku
            )));
        }
        let number = self.placed.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Response::new(Order {
            id: format!("order-{number}"),
            total_cents: item.price_cents.saturating_mul(quantity.into()),
        }))
    }
}
