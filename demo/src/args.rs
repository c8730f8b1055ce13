//! The command line.

use clap::Parser;

use crate::telemetry::Destination;

/// A small shop of traced services under traffic: an HTTP gateway, two gRPC services and a
/// database.
///
/// Prints each finished trace as a tree and a summary at the end, and stops by itself.
#[derive(Debug, Parser)]
#[command(name = "lianlu-demo", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Seconds of built-in traffic, about 5 requests a second; 0 for none
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) seconds: u64,

    /// Keep serving after the traffic, until Ctrl-C, so that you can use curl
    #[arg(long)]
    pub(crate) keep: bool,

    /// Send the traces to Jaeger's collector instead of printing them, for example
    /// http://localhost:14268/api/traces
    #[arg(long, value_name = "URL", group = "destination")]
    jaeger: Option<String>,

    /// Send the traces over OTLP instead: over HTTP (http://localhost:4318), or over gRPC if
    /// the port ends in 4317 (http://localhost:4317)
    #[arg(long, value_name = "URL", group = "destination")]
    otlp: Option<String>,

    /// Send the traces to Zipkin instead, for example http://localhost:9411/api/v2/spans
    #[arg(long, value_name = "URL", group = "destination")]
    zipkin: Option<String>,

    /// Port of the HTTP gateway on 127.0.0.1; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) gateway_port: u16,

    /// Port of the gRPC service `orders`; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 50051)]
    pub(crate) orders_port: u16,

    /// Port of the gRPC service `catalog`; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 50052)]
    pub(crate) catalog_port: u16,
}

impl Args {
    /// The destination of the traces.
    pub(crate) fn destination(&self) -> Destination {
        if let Some(url) = &self.jaeger {
            Destination::Jaeger(url.clone())
        } else if let Some(url) = &self.otlp {
            Destination::otlp(url)
        } else if let Some(url) = &self.zipkin {
            Destination::Zipkin(url.clone())
        } else {
            Destination::Console
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn two_destinations_are_an_error() {
        let both = [
            "lianlu-demo",
            "--jaeger",
            "http://a",
            "--zipkin",
            "http://b",
        ];
        assert!(Args::try_parse_from(both).is_err());
    }
}
