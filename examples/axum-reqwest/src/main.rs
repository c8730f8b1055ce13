//! An HTTP server and a client in one trace, printed as a tree.

use std::error::Error;

use axum::{Router, extract::Path, routing::get};
use lianlu::Resource;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Prints finished traces. Both layers use the global provider.
    let guard = lianlu::console::pipeline()
        .with_resource(Resource::builder().with_service_name("hello").build())
        .install()?;

    // The server: one layer on the router. Each call is a span, named by its route.
    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .layer(lianlu::server());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    // The client: the layer around a `reqwest::Client`, which propagates the trace.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let traced = ServiceBuilder::new()
        .layer(lianlu::client())
        .service(http.clone());
    for path in ["hello/lianlu", "no/such/page"] {
        let request = http.get(format!("http://{address}/{path}")).build()?;
        let response = traced.clone().oneshot(request).await?;
        // The span ends when the body has been read.
        response.text().await?;
    }

    // Prints the remaining traces.
    let _ = guard.shutdown();
    Ok(())
}

async fn hello(Path(name): Path<String>) -> String {
    // The id of the current trace, for logs and error pages.
    format!("hello {name}, this is trace {}", lianlu::trace_id())
}
