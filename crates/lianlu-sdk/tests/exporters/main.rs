//! Exporters, and collectors with all kinds of responses.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;

mod collector_does_not_answer;
mod collector_resets_mid_body;
mod console_shared_tree;
mod http_says_when_to_come_back;
mod http_statuses;
mod jaeger_agent;
mod jaeger_collector;
mod older_formats;
mod otlp_grpc_collector;
mod otlp_grpc_resource_exhausted;
mod otlp_grpc_statuses;
mod otlp_http_collector;
mod redirect_to_another_host;
mod unlimited_timeout;
mod user_in_the_url;
mod wrong_port;
mod zipkin_collector;
mod zipkin_mapping;
