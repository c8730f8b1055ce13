//! HTTP statuses that are errors, on the two spans.

use ::http::StatusCode;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;

use crate::common::http::{self as net, VERSIONS};
use crate::common::traces::{Traces, assert_error, assert_fine, http_status};

#[tokio::test]
async fn from_400_on_the_client_and_from_500_on_the_server() {
    for version in VERSIONS {
        for status in [200, 201, 302, 399, 400, 401, 404, 429, 499, 500, 503, 599] {
            let traces = Traces::default();
            let handler =
                async |Path(status): Path<u16>| (StatusCode::from_u16(status).unwrap(), "text");
            let app = Router::new()
                .route("/{status}", get(handler))
                .layer(traces.server());
            let address = net::serve(app).await;
            let client = net::connect(traces.client(), version);
            let path = format!("/{status}");
            assert_eq!(net::fetch(&client, address, &path).await, "text");

            let (client, server) = traces.pair().await;
            let class = status.to_string();
            for span in [&client, &server] {
                assert_eq!(http_status(span), Some(status.into()));
            }
            // The code is the class; there is no description.
            if status < 400 {
                assert_fine(&client);
            } else {
                assert_eq!(assert_error(&client, &class), "");
            }
            if status < 500 {
                assert_fine(&server);
            } else {
                assert_eq!(assert_error(&server, &class), "");
            }
        }
    }
}
