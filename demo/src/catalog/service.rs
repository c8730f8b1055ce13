//! The catalog's methods.

use std::pin::Pin;

use lianlu_protos::shop::catalog_server::Catalog;
use lianlu_protos::shop::{GetItemRequest, Item as ItemMessage, Price, WatchPriceRequest};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::database::Database;
use super::item::Item;
use super::prices;

#[derive(Debug)]
pub(super) struct Service {
    database: Database,
}

impl Service {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    async fn find(&self, sku: &str) -> Result<Item, Status> {
        match self.database.item(sku.to_owned()).await {
            Ok(Some(item)) => Ok(item),
            Ok(None) => Err(Status::not_found(format!("the shop has no {sku:?}"))),
            // The query's span has the details.
            Err(_) => Err(Status::internal(format!("the catalog cannot read {sku:?}"))),
        }
    }

    /// A slow step, with a span of its own.
    async fn appraise(&self, item: &Item) {
        let span = self.database.tracer().start("appraise");
        let context = Context::current_with_span(span);
        tokio::time::sleep(item.appraisal)
            .with_context(context)
            .await;
    }
}

#[tonic::async_trait]
impl Catalog for Service {
    async fn get_item(
        &self,
        request: Request<GetItemRequest>,
    ) -> Result<Response<ItemMessage>, Status> {
        let item = self.find(&request.get_ref().sku).await?;
        if !item.appraisal.is_zero() {
            self.appraise(&item).await;
        }
        Ok(Response::new(ItemMessage {
            sku: item.sku,
            name: item.name,
            price_cents: item.price_cents,
            in_stock: item.in_stock,
        }))
    }

    type WatchPriceStream = Pin<Box<dyn Stream<Item = Result<Price, Status>> + Send>>;

    async fn watch_price(
        &self,
        request: Request<WatchPriceRequest>,
    ) -> Result<Response<Self::WatchPriceStream>, Status> {
        let WatchPriceRequest { sku, count } = request.into_inner();
        if !prices::COUNT.contains(&count) {
            return Err(Status::invalid_argument(format!(
                "count is between {} and {}, got {count}",
                prices::COUNT.start(),
                prices::COUNT.end()
            )));
        }
        let item = self.find(&sku).await?;
        let prices = prices::watch(self.database.clone(), item, count);
        Ok(Response::new(Box::pin(prices)))
    }
}
