//! Metadata: `x-md-global-*` crosses every hop, `x-md-local-*` one hop.
//!
//! ```text
//! main ── tenant, note ──► front ── tenant ──► back
//! ```
#![allow(clippy::print_stdout)]

use std::io;

use axum::{Router, routing::get};
use lianlu::metadata;
use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use tokio::net::TcpListener;
use tower::{BoxError, ServiceBuilder, ServiceExt};

const TENANT: &str = "x-md-global-tenant";
const NOTE: &str = "x-md-local-note";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let back = serve(Router::new().route("/", get(|| async { received("back ") }))).await?;

    // The front calls the back. Global metadata is sent on.
    let front = get(move || async move {
        let answer = call(&back).await.unwrap_or_else(|error| error.to_string());
        format!("{}\n{answer}", received("front"))
    });
    let front = serve(Router::new().route("/", front)).await?;

    // Calls in this context send both keys.
    let context = metadata::append_to_client_context(
        &Context::current(),
        [(TENANT, "acme"), (NOTE, "ring twice")],
    );
    println!("{}", call(&front).with_context(context).await?);
    Ok(())
}

/// The metadata from the caller.
fn received(server: &str) -> String {
    let metadata = metadata::current();
    let value = |key| metadata.get(key).unwrap_or("-").to_owned();
    format!(
        "{server}  {TENANT}: {}, {NOTE}: {}",
        value(TENANT),
        value(NOTE)
    )
}

/// Starts a server that reads metadata. Returns its URL.
async fn serve(app: Router) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let app = app.layer(metadata::server());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// Calls a server with a client that writes metadata. Returns the response.
async fn call(url: &str) -> Result<String, BoxError> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = ServiceBuilder::new()
        .layer(metadata::client())
        .service(http.clone());
    let response = client.oneshot(http.get(url).build()?).await?;
    Ok(response.text().await?)
}
