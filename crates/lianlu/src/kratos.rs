//! Request extensions for Kratos compatibility mode.
//!
//! [`TraceLayer::kratos`](crate::TraceLayer::kratos) makes a layer write the span names, kinds and
//! attribute keys of Kratos's tracing middleware. A gRPC request contains everything it needs. For
//! HTTP, Kratos's generated code provides the operation and the path template; with lianlu, set
//! them as request extensions:
//!
//! ```
//! use lianlu::kratos::{Operation, PathTemplate};
//!
//! let mut request = http::Request::get("http://127.0.0.1:8000/helloworld/ann").body(())?;
//! request.extensions_mut().insert(Operation("/helloworld.Greeter/SayHello".into()));
//! request.extensions_mut().insert(PathTemplate("/helloworld/{name}".into()));
//! # Ok::<(), http::Error>(())
//! ```
//!
//! A server layer reads the extensions that an outer layer inserted. A reqwest request has no
//! extensions; for it, or where it is more convenient, set the same types as values of the current
//! OpenTelemetry context:
//!
//! ```
//! use lianlu::kratos::Operation;
//! use opentelemetry::Context;
//!
//! let operation = Operation("/helloworld.Greeter/SayHello".into());
//! let _current = Context::current_with_value(operation).attach();
//! // Calls made from here on use it.
//! ```
//!
//! By default, the template is axum's matched path on a server; otherwise both are the raw path.

use std::borrow::Cow;

/// The operation of a call, `/package.Service/Method`: the span's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation(pub Cow<'static, str>);

/// The path template, `/helloworld/{name}`: the attribute `http.route`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(pub Cow<'static, str>);
