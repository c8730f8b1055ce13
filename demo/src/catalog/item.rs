//! The items in the database.

use std::time::Duration;

use rusqlite::{Connection, Row};

/// A row of `items`.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) price_cents: i64,
    pub(super) in_stock: u32,
    /// The time to appraise it.
    pub(super) appraisal: Duration,
}

impl Item {
    /// Reads `sku, name, price_cents, in_stock, appraisal_ms`.
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sku: row.get(0)?,
            name: row.get(1)?,
            price_cents: row.get(2)?,
            in_stock: row.get(3)?,
            appraisal: Duration::from_millis(row.get::<_, u32>(4)?.into()),
        })
    }
}

/// Creates and fills the tables. The clock has to be appraised, the abacus is sold out, and the row
/// of the mystery box cannot be read.
pub(super) fn stock_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "
        CREATE TABLE items (
            sku          TEXT PRIMARY KEY,
            name         TEXT NOT NULL,
            price_cents  INTEGER,
            in_stock     INTEGER NOT NULL,
            appraisal_ms INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE prices (
            sku         TEXT NOT NULL REFERENCES items,
            price_cents INTEGER NOT NULL
        );
        INSERT INTO items VALUES
            ('teapot',  'Teapot, Yixing clay', 4200, 12, 0),
            ('teacup',  'Teacup, celadon',      900, 80, 0),
            ('lantern', 'Paper lantern',       1500, 30, 0),
            ('kite',    'Swallow kite',        2600, 10, 0),
            ('clock',   'Grandfather clock', 189000,  1, 180),
            ('abacus',  'Abacus, rosewood',    3300,  0, 0),
            ('mystery', 'Mystery box',         NULL,  5, 0);
        ",
    )
}
