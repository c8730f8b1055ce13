//! The kinds of requests.

/// A reason to visit the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Looks at an item.
    Look { sku: &'static str },
    /// Orders an item.
    Order { sku: &'static str, quantity: u32 },
    /// Watches a price to the end of the stream.
    Watch { sku: &'static str, count: u32 },
    /// Watches a price, and hangs up in the middle of the stream.
    HangUp { sku: &'static str, after: u32 },
}

/// The traffic of two seconds: successes, a slow call, a stream, a dropped one, and orders that are
/// refused or fail.
pub(super) const ROUND: [Errand; 10] = [
    Errand::Look { sku: "teapot" },
    Errand::Order {
        sku: "teapot",
        quantity: 1,
    },
    // Unknown: NOT_FOUND.
    Errand::Order {
        sku: "unicorn",
        quantity: 1,
    },
    // Slow: it has to be appraised.
    Errand::Look { sku: "clock" },
    Errand::Watch {
        sku: "kite",
        count: 4,
    },
    // Sold out: FAILED_PRECONDITION.
    Errand::Order {
        sku: "abacus",
        quantity: 2,
    },
    Errand::HangUp {
        sku: "lantern",
        after: 2,
    },
    // The catalog cannot read the row: INTERNAL.
    Errand::Order {
        sku: "mystery",
        quantity: 1,
    },
    Errand::Look { sku: "teacup" },
    Errand::Order {
        sku: "teacup",
        quantity: 6,
    },
];

impl Errand {
    /// The name of the trace.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Look { .. } => "look at an item",
            Self::Order { .. } => "order an item",
            Self::Watch { .. } => "watch a price",
            Self::HangUp { .. } => "hang up on a price",
        }
    }
}
