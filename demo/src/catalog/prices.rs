//! The changing price of an item.

use std::ops::RangeInclusive;
use std::time::Duration;

use lianlu_protos::shop::Price;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::database::Database;
use super::item::Item;

/// The allowed number of prices.
pub(super) const COUNT: RangeInclusive<u32> = 1..=10_000;

/// The time from one price to the next.
const TICK: Duration = Duration::from_millis(30);

/// Changes of the price, in thousandths of the list price.
const MOVES: [i64; 8] = [0, 4, 9, 7, 2, -3, -6, -2];

/// `count` prices, each recorded in the database before it is sent.
///
/// The stream is polled as the response body, in which the call's span is current, so that the
/// queries are its children.
pub(super) fn watch(
    database: Database,
    item: Item,
    count: u32,
) -> impl Stream<Item = Result<Price, Status>> {
    let moves = MOVES.into_iter().cycle().zip(0..count);
    tokio_stream::iter(moves).then(move |(change, tick)| {
        let database = database.clone();
        let sku = item.sku.clone();
        let price_cents = item.price_cents + item.price_cents * change / 1000;
        async move {
            if tick > 0 {
                tokio::time::sleep(TICK).await;
            }
            database
                .record_price(sku.clone(), price_cents)
                .await
                .map_err(|_| Status::internal("the catalog cannot record its prices"))?;
            Ok(Price { sku, price_cents })
        }
    })
}
