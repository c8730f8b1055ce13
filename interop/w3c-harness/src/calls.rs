//! Makes the calls that the suite asks for.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use lianlu::{ClientLayer, layer::ClientService};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Method, Request, Url};
use serde_json::Value;
use tower::{Layer, ServiceExt};

/// A traced client.
#[derive(Debug, Clone)]
pub(crate) struct Calls(ClientService<reqwest::Client>);

/// One call to make.
#[derive(Debug)]
struct Call {
    url: Url,
    body: String,
}

impl Calls {
    pub(crate) fn new(layer: ClientLayer) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self(layer.layer(client)))
    }

    async fn make(&self, call: Call) -> Result<(), String> {
        let mut request = Request::new(Method::POST, call.url.clone());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(Body::from(call.body));
        let response = self.0.clone().oneshot(request).await;
        let response = response.map_err(|error| format!("{}: {error}", call.url))?;
        let status = response.status();
        // The span ends when the body has been read.
        response
            .bytes()
            .await
            .map_err(|error| format!("{}: {error}", call.url))?;
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("{}: {status}", call.url))
        }
    }
}

/// Makes the calls that the body lists, one after the other.
pub(crate) async fn handle(State(calls): State<Calls>, body: Bytes) -> (StatusCode, String) {
    let list = match read(&body) {
        Ok(list) => list,
        Err(reason) => return (StatusCode::BAD_REQUEST, format!("{reason}\n")),
    };
    for call in list {
        if let Err(reason) = calls.make(call).await {
            return (StatusCode::BAD_GATEWAY, format!("{reason}\n"));
        }
    }
    (StatusCode::OK, String::new())
}

/// `[{"url": …, "arguments": …}, …]`
fn read(body: &[u8]) -> Result<Vec<Call>, String> {
    let list: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let Value::Array(list) = list else {
        return Err("the body is not a JSON list of {\"url\", \"arguments\"}".to_owned());
    };
    let call = |(at, entry): (usize, &Value)| {
        let url = entry.get("url").and_then(Value::as_str);
        let url = url.ok_or_else(|| format!("entry {at}: \"url\" is missing, or not a string"))?;
        let url = Url::parse(url).map_err(|error| format!("entry {at}: url {url:?}: {error}"))?;
        if url.scheme() != "http" {
            return Err(format!("entry {at}: url {url}: only http is supported"));
        }
        let arguments = entry.get("arguments");
        Ok(Call {
            url,
            body: arguments.map_or_else(|| "[]".to_owned(), Value::to_string),
        })
    };
    list.iter().enumerate().map(call).collect()
}
