//! What a request can tell a layer in Kratos compatibility mode.
//!
//! [`TraceLayer::kratos`](crate::TraceLayer::kratos) makes a layer write the span names, kinds and
//! attribute keys of Kratos's tracing middleware. Over gRPC everything it needs is on the wire.
//! Over HTTP, Kratos's generated code names the operation and the path's template; here a request
//! extension does:
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
//! A server's layer sees what a layer outside of it has inserted. A reqwest request has no extensions;
//! there, and wherever it is handier, the same types may be values of the current OpenTelemetry
//! context:
//!
//! ```
//! use lianlu::kratos::Operation;
//! use opentelemetry::Context;
//!
//! let operation = Operation("/helloworld.Greeter/SayHello".into());
//! let _current = Context::current_with_value(operation).attach();
//! // Calls made from here on have it.
//! ```
//!
//! Without them the template is axum's matched path on a server, and both are the raw path
//! elsewhere.

use std::borrow::Cow;

/// The operation that a call stands for, `/package.Service/Method`: the span's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation(pub Cow<'static, str>);

/// The path with names in place of values, `/helloworld/{name}`: the attribute `http.route`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(pub Cow<'static, str>);
