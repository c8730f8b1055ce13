//! A greeter with lianlu's layers, over gRPC and HTTP, which behaves as the Kratos one.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lianlu::conventions::OptIn;
use lianlu::{ClientLayer, ServerLayer};
use lianlu_protos::helloworld::greeter_client::GreeterClient;
use lianlu_protos::helloworld::greeter_server::{Greeter, GreeterServer};
use lianlu_protos::helloworld::{HelloReply, HelloRequest};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::pipeline::Pipeline;

/// A service of this name with its layers.
#[derive(Debug, Clone)]
pub struct Lianlu {
    /// The `service.name`, which is in each reply.
    pub name: &'static str,
    /// The server layer.
    pub server: ServerLayer,
    /// The client layer.
    pub client: ClientLayer,
    /// The metadata layers.
    pub metadata: (lianlu::metadata::ServerLayer, lianlu::metadata::ClientLayer),
    /// `host:port` of the service that is called before a reply.
    pub next: Option<String>,
}

impl Lianlu {
    /// A service whose spans go through `pipeline`.
    #[must_use]
    pub fn new(pipeline: &Pipeline, name: &'static str, next: Option<&str>) -> Self {
        let provider = pipeline.provider();
        Self {
            server: provider
                .server()
                .with_conventions(|conventions| conventions.opt_in(OptIn::ServicePeerName)),
            client: provider
                .client()
                .with_propagator(lianlu::propagation::default_propagator().with_caller_name(name)),
            ..Self::untraced(name, next)
        }
    }

    /// A service without spans.
    #[must_use]
    pub fn untraced(name: &'static str, next: Option<&str>) -> Self {
        Self {
            name,
            server: lianlu::server(),
            client: lianlu::client()
                .with_propagator(lianlu::propagation::default_propagator().with_caller_name(name)),
            metadata: (lianlu::metadata::server(), lianlu::metadata::client()),
            next: next.map(str::to_owned),
        }
    }

    /// Both layers in Kratos mode.
    #[must_use]
    pub fn kratos(mut self) -> Self {
        self.server = self.server.kratos();
        self.client = self.client.kratos();
        self
    }

    /// Serves gRPC on a free port.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn serve_grpc(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tonic::transport::Server::builder()
            .layer(self.server.clone())
            .layer(self.metadata.0.clone())
            .add_service(GreeterServer::new(self))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        tokio::spawn(server);
        address
    }

    /// Serves HTTP on a free port.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn serve_http(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = axum::Router::new()
            .route("/helloworld/{name}", axum::routing::get(greet))
            .layer(self.metadata.0.clone())
            .layer(self.server.clone())
            // As `SetOperation` in Kratos's generated code; used in Kratos mode only.
            .layer(axum::Extension(lianlu::kratos::Operation(
                "/helloworld.Greeter/SayHello".into(),
            )))
            .with_state(self);
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    /// Calls a greeter over gRPC.
    ///
    /// # Errors
    ///
    /// The greeter's, or the transport's.
    pub async fn call_grpc(&self, target: &str, name: &str) -> Result<String, Status> {
        let url = format!("http://{target}");
        let channel: Channel = Endpoint::from_shared(url)
            .map_err(|error| Status::internal(error.to_string()))?
            .connect_lazy();
        let channel = ServiceBuilder::new()
            .layer(self.client.clone().with_target(target))
            .layer(self.metadata.1.clone())
            .service(channel);
        let request = HelloRequest {
            name: name.to_owned(),
        };
        let reply = GreeterClient::new(channel).say_hello(request).await?;
        Ok(reply.into_inner().message)
    }

    /// Calls a greeter over HTTP.
    ///
    /// # Errors
    ///
    /// The answer's status and body, or the transport's error.
    pub async fn call_http(&self, target: &str, name: &str) -> Result<String, String> {
        let mut client = ServiceBuilder::new()
            .layer(self.client.clone())
            .layer(self.metadata.1.clone())
            .service(reqwest::Client::new());
        let url = format!("http://{target}/helloworld/{name}");
        let request = reqwest::Request::new(
            reqwest::Method::GET,
            url.parse().map_err(|error| format!("{error}"))?,
        );
        let client = client.ready().await.map_err(|error| error.to_string())?;
        let response = client
            .call(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status();
        let body: serde_json::Value = response.json().await.map_err(|error| error.to_string())?;
        if status.is_success() {
            Ok(body["message"].as_str().unwrap_or_default().to_owned())
        } else {
            Err(format!("{status}: {body}"))
        }
    }

    fn reply(&self, name: &str, rest: Option<String>) -> String {
        let metadata = lianlu::metadata::current();
        let mut keys: Vec<_> = metadata.iter().map(|(key, _)| key).collect();
        keys.dedup();
        keys.retain(|key| *key != "x-md-service-name");
        let values = |key| metadata.get_all(key).collect::<Vec<_>>().join(",");
        let metadata: Vec<_> = keys
            .into_iter()
            .map(|key| format!("{key}={}", values(key)))
            .collect();
        let mut reply = format!("Hello {name} from {}", self.name);
        if !metadata.is_empty() {
            reply.push_str(&format!(" [{}]", metadata.join(" ")));
        }
        if let Some(rest) = rest {
            reply.push_str(&format!(" > {rest}"));
        }
        reply
    }
}

#[tonic::async_trait]
impl Greeter for Lianlu {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        let rest = match &self.next {
            Some(next) => Some(self.call_grpc(next, &name).await?),
            None if name == "boom" => return Err(Status::internal("boom")),
            None => None,
        };
        let message = self.reply(&name, rest);
        Ok(Response::new(HelloReply { message }))
    }
}

async fn greet(State(service): State<Lianlu>, Path(name): Path<String>) -> impl IntoResponse {
    let answer = answer(&service, &name).await;
    // For clients without another way to find their trace.
    ([("x-trace-id", lianlu::trace_id())], answer)
}

async fn answer(service: &Lianlu, name: &str) -> (StatusCode, Json<serde_json::Value>) {
    let rest = match &service.next {
        Some(next) => match service.call_http(next, name).await {
            Ok(rest) => Some(rest),
            Err(error) => return failed(&error),
        },
        None if name == "boom" => return failed("boom"),
        None => None,
    };
    let message = service.reply(name, rest);
    (StatusCode::OK, Json(json!({ "message": message })))
}

fn failed(message: &str) -> (StatusCode, Json<serde_json::Value>) {
    let body = json!({ "code": 500, "reason": "", "message": message });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body))
}
