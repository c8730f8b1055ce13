//! Headers between services: what a client writes, and what a server accepts.

mod kratos_mode;
mod malformed_headers_are_survived;
mod metadata_crosses_hops;
mod other_formats_over_the_wire;
mod outbound_hosts;
mod over_the_wire;
mod public_endpoint;
mod response_headers;
