//! One visit to the shop, over HTTP.

use std::net::SocketAddr;

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use lianlu::{ClientLayer, layer::ClientService};
use reqwest::{Request, Response};
use tower::{Layer, ServiceExt};

use super::errand::Errand;

/// More than a shopper ever reads.
const ENDLESS: u32 = 10_000;

/// A traced HTTP client of the gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Shopper {
    /// Makes requests.
    http: reqwest::Client,
    /// Sends them, each in a span.
    traced: ClientService<reqwest::Client>,
    gateway: SocketAddr,
}

/// The outcome of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The response was read to its end.
    Answered(StatusCode),
    /// The shopper dropped the response in the middle.
    HungUp,
    /// There was no response, or it was incomplete.
    Failed(String),
}

impl Shopper {
    pub(super) fn new(http: reqwest::Client, layer: &ClientLayer, gateway: SocketAddr) -> Self {
        Self {
            traced: layer.layer(http.clone()),
            http,
            gateway,
        }
    }

    pub(super) async fn run(self, errand: Errand) -> Outcome {
        self.visit(errand).await.unwrap_or_else(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Outcome::Failed(cause.unwrap_or_else(|| error.to_string()))
        })
    }

    async fn visit(self, errand: Errand) -> Result<Outcome, reqwest::Error> {
        match errand {
            Errand::Look { sku } => self.read(Method::GET, &format!("/items/{sku}"), None).await,
            Errand::Order { sku, quantity } => {
                let wish = serde_json::json!({ "sku": sku, "quantity": quantity });
                self.read(Method::POST, "/orders", Some(wish.to_string()))
                    .await
            }
            Errand::Watch { sku, count } => {
                let path = format!("/items/{sku}/prices?count={count}");
                self.read(Method::GET, &path, None).await
            }
            Errand::HangUp { sku, after } => {
                let path = format!("/items/{sku}/prices?count={ENDLESS}");
                let mut prices = self.send(Method::GET, &path, None).await?;
                for _ in 0..after {
                    prices.chunk().await?;
                }
                // The drop of the response closes the stream.
                Ok(Outcome::HungUp)
            }
        }
    }

    /// Reads the response to its end.
    async fn read(
        self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Outcome, reqwest::Error> {
        let answer = self.send(method, path, body).await?;
        let status = answer.status();
        answer.bytes().await?;
        Ok(Outcome::Answered(status))
    }

    async fn send(
        self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Response, reqwest::Error> {
        let url = format!("http://{}{path}", self.gateway);
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let request: Request = request.build()?;
        self.traced.oneshot(request).await
    }
}
