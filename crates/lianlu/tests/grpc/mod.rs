//! gRPC calls.

mod attributes;
mod client_hangs_up;
mod deadline_passes;
mod four_kinds;
mod handler_panics;
mod known_methods;
mod status_is_classified;
mod targets;
mod transport_fails;
