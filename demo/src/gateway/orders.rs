//! `POST /orders`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lianlu_protos::shop::PlaceOrderRequest;
use serde::Deserialize;
use serde_json::json;

use super::Clients;
use super::error::GrpcError;

#[derive(Debug, Deserialize)]
pub(super) struct NewOrder {
    sku: String,
    quantity: u32,
}

/// Places an order.
pub(super) async fn place(
    State(mut clients): State<Clients>,
    Json(NewOrder { sku, quantity }): Json<NewOrder>,
) -> Result<impl IntoResponse, GrpcError> {
    let request = PlaceOrderRequest { sku, quantity };
    let order = clients.orders.place_order(request).await?.into_inner();
    let body = Json(json!({ "id": order.id, "total_cents": order.total_cents }));
    Ok((StatusCode::CREATED, body))
}
