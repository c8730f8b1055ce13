//! `GET /items/{sku}` and `GET /items/{sku}/prices?count=5`.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use lianlu_protos::shop::{GetItemRequest, Price, WatchPriceRequest};
use serde::Deserialize;
use serde_json::json;
use tokio_stream::StreamExt;

use super::Clients;
use super::error::GrpcError;

/// One item.
pub(super) async fn show(
    State(mut clients): State<Clients>,
    Path(sku): Path<String>,
) -> Result<impl IntoResponse, GrpcError> {
    let item = clients.catalog.get_item(GetItemRequest { sku }).await?;
    let item = item.into_inner();
    Ok(Json(json!({
        "sku": item.sku,
        "name": item.name,
        "price_cents": item.price_cents,
        "in_stock": item.in_stock,
    })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Watch {
    #[serde(default = "five")]
    count: u32,
}

fn five() -> u32 {
    5
}

/// An item's changing price, one JSON object on each line.
pub(super) async fn prices(
    State(mut clients): State<Clients>,
    Path(sku): Path<String>,
    Query(Watch { count }): Query<Watch>,
) -> Result<impl IntoResponse, GrpcError> {
    let request = WatchPriceRequest { sku, count };
    let prices = clients.catalog.watch_price(request).await?.into_inner();
    let lines = prices.map(|price| price.map(line));
    let headers = [(CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, Body::from_stream(lines)))
}

fn line(Price { sku, price_cents }: Price) -> String {
    format!("{}\n", json!({ "sku": sku, "price_cents": price_cents }))
}
