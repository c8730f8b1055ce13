//! HTTP calls.

mod attributes;
mod body_ends;
mod client_hangs_up;
mod handler_panics;
mod late_route;
mod span_covers_the_body;
mod status_is_classified;
mod transport_fails;
mod upgrades;
