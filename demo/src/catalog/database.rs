//! The catalog's database: SQLite in memory, with a span for each query.
//!
//! The spans follow OpenTelemetry's [database
//! conventions](https://opentelemetry.io/docs/specs/semconv/db/database-spans/), and are made with
//! the `opentelemetry` API.

use std::sync::{Arc, Mutex, PoisonError};

use lianlu::pipeline::{Span as OwnSpan, Tracer};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer as _};
use opentelemetry_semantic_conventions::attribute::{
    DB_COLLECTION_NAME, DB_OPERATION_NAME, DB_QUERY_SUMMARY, DB_QUERY_TEXT,
    DB_RESPONSE_STATUS_CODE, DB_SYSTEM_NAME, ERROR_TYPE,
};
use rusqlite::{Connection, OptionalExtension};

use super::item::{Item, stock_up};
use crate::telemetry::Service as Telemetry;

/// The items and their prices. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    connection: Arc<Mutex<Connection>>,
    tracer: Tracer,
}

/// A query has failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    #[error("the query failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the query was interrupted: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A statement and its span's attributes.
#[derive(Debug)]
struct Query {
    text: &'static str,
    operation: &'static str,
    table: &'static str,
    /// The span's name.
    summary: &'static str,
}

const ITEM_BY_SKU: Query = Query {
    text: "SELECT sku, name, price_cents, in_stock, appraisal_ms FROM items WHERE sku = ?1",
    operation: "SELECT",
    table: "items",
    summary: "SELECT items",
};

const RECORD_PRICE: Query = Query {
    text: "INSERT INTO prices (sku, price_cents) VALUES (?1, ?2)",
    operation: "INSERT",
    table: "prices",
    summary: "INSERT prices",
};

impl Database {
    /// A new database with the shop's items.
    pub(crate) fn open(telemetry: &Telemetry) -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        stock_up(&connection)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            tracer: telemetry.tracer(),
        })
    }

    /// The tracer of the queries.
    pub(super) fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// The item, if the shop sells it.
    pub(super) async fn item(&self, sku: String) -> Result<Option<Item>, QueryError> {
        self.run(&ITEM_BY_SKU, move |connection, text| {
            connection
                .prepare_cached(text)?
                .query_row([sku], Item::from_row)
                .optional()
        })
        .await
    }

    /// Records a price of an item.
    pub(super) async fn record_price(&self, sku: String, cents: i64) -> Result<(), QueryError> {
        self.run(&RECORD_PRICE, move |connection, text| {
            connection.prepare_cached(text)?.execute((sku, cents))?;
            Ok(())
        })
        .await
    }

    /// Runs a query on a thread for blocking work, in a child of the current span.
    async fn run<T: Send + 'static>(
        &self,
        query: &'static Query,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let Self { connection, tracer } = self.clone();
        let result = lianlu::task::spawn_blocking(move || {
            let mut span = query.start(&tracer);
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&connection, query.text);
            if let Err(error) = &result {
                describe(&mut span, error);
            }
            span.end();
            result
        });
        Ok(result.await??)
    }
}

impl Query {
    fn start(&self, tracer: &Tracer) -> OwnSpan {
        tracer
            .span_builder(self.summary)
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new(DB_SYSTEM_NAME, "sqlite"),
                KeyValue::new(DB_OPERATION_NAME, self.operation),
                KeyValue::new(DB_COLLECTION_NAME, self.table),
                KeyValue::new(DB_QUERY_SUMMARY, self.summary),
                KeyValue::new(DB_QUERY_TEXT, self.text),
            ])
            .start(tracer)
    }
}

fn describe(span: &mut OwnSpan, error: &rusqlite::Error) {
    let class = match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            let code = failure.extended_code.to_string();
            span.set_attribute(KeyValue::new(DB_RESPONSE_STATUS_CODE, code.clone()));
            code
        }
        rusqlite::Error::InvalidColumnType(..) => "InvalidColumnType".to_owned(),
        _ => "_OTHER".to_owned(),
    };
    span.set_attribute(KeyValue::new(ERROR_TYPE, class));
    span.set_status(Status::error(error.to_string()));
}
