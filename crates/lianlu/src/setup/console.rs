//! Prints finished traces as trees on the terminal, for development.
//!
//! ```
//! let guard = lianlu::console::pipeline().install()?;
//! # let _ = guard.shutdown();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The output, which has colours on a terminal:
//!
//! ```text
//! trace 4bf92f3577b34da6a3ce929d0e0e4736 · 3 spans · 12.4 ms · 1 error
//! gateway  POST /orders                       ▕████████████████████████▏   12.4 ms
//! └─ gateway  shop.v1.Orders/PlaceOrder →     ▕ ██████████████████████ ▏   11.0 ms  ✗ INTERNAL: out of stock
//!    └─ orders  shop.v1.Orders/PlaceOrder     ▕  ████████████████████  ▏   10.2 ms  ✗ INTERNAL: out of stock
//! ```

use std::time::Duration;

use lianlu_sdk::console::Exporter;
use lianlu_sdk::env::Reader;
use lianlu_sdk::{Export, OptionError};

use super::Pipeline;

pub use lianlu_sdk::console::Tree;

/// Shorter than the default of other pipelines, because the output is read live.
pub(super) const SCHEDULE_DELAY: Duration = Duration::from_millis(200);

/// A pipeline that prints to standard output. See the [module](self).
pub fn pipeline() -> Pipeline<Console> {
    let pipeline = Pipeline::new(Console { tree: None });
    match Reader::default().text("OTEL_BSP_SCHEDULE_DELAY") {
        Some(_) => pipeline,
        None => pipeline.with_schedule_delay(SCHEDULE_DELAY),
    }
}

/// The options of a console pipeline.
#[derive(Debug, Clone)]
pub struct Console {
    tree: Option<Tree>,
}

impl Pipeline<Console> {
    /// Prints to `tree`. Pipelines that share a tree print spans of several services as one trace.
    pub fn with_tree(mut self, tree: Tree) -> Self {
        self.exporter.tree = Some(tree);
        self
    }
}

impl super::Exporter for Console {
    fn build(&self) -> Result<Vec<Box<dyn Export>>, OptionError> {
        let tree = self.tree.clone().unwrap_or_else(Tree::stdout);
        Ok(vec![Box::new(Exporter::new(tree))])
    }
}
