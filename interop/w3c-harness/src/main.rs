//! A service for the [W3C's trace-context test suite][suite], traced by lianlu's layers.
//!
//! ```text
//! test.py ── POST [{url, arguments}, …] ──► this service ── POST arguments ──► each url, at test.py
//!             traceparent, tracestate        server()   client()   traceparent, tracestate
//! ```
//!
//! Start it, and run the suite (after `pip install aiohttp`):
//!
//! ```text
//! cargo run -p w3c-harness -- --port 5000
//! STRICT_LEVEL=2 SPEC_LEVEL=2 python test.py http://127.0.0.1:5000/test
//! ```
//!
//! `tests/` has the same scenarios without Python.
//!
//! [suite]: https://github.com/w3c/trace-context/tree/main/test
#![allow(clippy::print_stdout)]

mod calls;

use std::process::ExitCode;

use axum::{Router, routing::post};
use clap::{Parser, ValueEnum};
use lianlu::propagation::TraceContext;
use lianlu::{ClientLayer, ServerLayer};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::net::TcpListener;

/// A service for the W3C's trace-context test suite: makes the requested calls, in the trace of the
/// request.
#[derive(Debug, Parser)]
#[command(name = "w3c-harness", version, max_term_width = 100)]
struct Args {
    /// The port on 127.0.0.1, 0 for a free one. The address is printed
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    port: u16,

    /// The tracer provider of the layers
    #[arg(long, value_enum, default_value_t)]
    provider: Provider,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Provider {
    #[default]
    Lianlu,
    #[value(name = "opentelemetry_sdk")]
    OpentelemetrySdk,
}

/// Layers whose spans are discarded, as the suite checks headers only. The provider is independent
/// of the environment.
fn layers(provider: Provider) -> Result<(ServerLayer, ClientLayer), String> {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let (server, client) = (lianlu::server(), lianlu::client());
    let (server, client) = match provider {
        Provider::Lianlu => {
            let provider = lianlu_sdk::TracerProvider::builder()
                .with_sampler(sampler)
                .build()
                .map_err(|error| error.to_string())?;
            (
                server.with_tracer_provider(provider.clone()),
                client.with_tracer_provider(provider),
            )
        }
        Provider::OpentelemetrySdk => {
            let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
            (
                server.with_tracer_provider(provider.clone()),
                client.with_tracer_provider(provider),
            )
        }
    };
    Ok((
        server.with_propagator(TraceContext::new()),
        client.with_propagator(TraceContext::new()),
    ))
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A failure to write is ignored.
            let _ =
                std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &Args) -> Result<(), String> {
    let explain = |cause| {
        format!(
            "--port: can't listen on 127.0.0.1:{} ({cause}); choose another port, or 0 for any free one",
            args.port
        )
    };
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .map_err(explain)?;
    let address = listener.local_addr().map_err(explain)?;

    let (server, client) = layers(args.provider)?;
    let calls = calls::Calls::new(client).map_err(|error| error.to_string())?;
    let app = Router::new()
        .route("/", post(calls::handle))
        .route("/{*path}", post(calls::handle))
        .with_state(calls)
        .layer(server);
    println!("listening on http://{address}/test");
    axum::serve(listener, app)
        .await
        .map_err(|error| error.to_string())
}
