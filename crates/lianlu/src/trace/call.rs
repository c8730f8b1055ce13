//! A call under way: owns its span and ends it once, whatever happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{StatusCode, Version, response};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::options::Options;
use crate::conventions::{End, Failure, Protocol};
use crate::grpc::{
    CONTENT_TYPE, FrameCounter, MessageMeter, Status, content_type_begins, parse_timeout,
};
use crate::request::RequestHead;

/// What stays current while the service and its body run: a context, and the call if it has a span.
#[derive(Debug)]
pub(crate) struct Scope {
    context: Context,
    call: Option<Call>,
}

impl Scope {
    /// The context is current, no span is made.
    pub(crate) fn untraced(context: Context) -> Self {
        Self {
            context,
            call: None,
        }
    }

    pub(crate) fn traced(call: Call) -> Self {
        Self {
            context: call.context.clone(),
            call: Some(call),
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn call(&mut self) -> Option<&mut Call> {
        self.call.as_mut()
    }

    /// Runs a piece of the call with its context current. A panic in it is seen when the call is
    /// dropped.
    pub(crate) fn enter<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().attach();
        if let Some(call) = &mut self.call {
            call.running = true;
        }
        let result = run();
        if let Some(call) = &mut self.call {
            call.running = false;
        }
        result
    }

    /// Ends the call's span, if it has one that is still open.
    pub(crate) fn end(&mut self, failure: Option<Failure>) {
        if let Some(call) = self.call.take() {
            call.end(failure);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Call {
    context: Context,
    options: Arc<Options>,
    kind: SpanKind,
    protocol: Protocol,
    recording: bool,
    /// Whether the request's method leaves a response without a body, whatever its headers say:
    /// `HEAD` any, `CONNECT` a successful one.
    is_head: bool,
    is_connect: bool,
    deadline: Option<Instant>,
    http_status: Option<StatusCode>,
    version: Option<Version>,
    is_unreadable: bool,
    grpc_status: Option<Status>,
    requests: Option<Arc<MessageMeter>>,
    responses: FrameCounter,
    /// Set while the service or the body runs: still set at the drop, it has panicked.
    running: bool,
    ended: bool,
}

impl Call {
    pub(crate) fn new(
        context: Context,
        options: Arc<Options>,
        kind: SpanKind,
        protocol: Protocol,
        head: &RequestHead<'_>,
    ) -> Self {
        let timeout = match protocol {
            Protocol::Grpc => head.header("grpc-timeout").and_then(parse_timeout),
            Protocol::Http => None,
        };
        Self {
            recording: context.span().is_recording(),
            context,
            options,
            kind,
            protocol,
            is_head: head.method() == http::Method::HEAD,
            is_connect: head.method() == http::Method::CONNECT,
            deadline: timeout.and_then(deadline),
            http_status: None,
            version: None,
            is_unreadable: false,
            grpc_status: None,
            requests: None,
            responses: FrameCounter::default(),
            running: false,
            ended: false,
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn set_request_meter(&mut self, meter: Option<Arc<MessageMeter>>) {
        self.requests = meter;
    }

    /// Notes the response's head. `true` if nothing of the call can follow it.
    pub(crate) fn on_head(
        &mut self,
        head: &response::Parts,
        length: Option<u64>,
        body_ended: bool,
    ) -> bool {
        let status = head.status;
        self.http_status = Some(status);
        self.version = Some(head.version);
        match self.protocol {
            Protocol::Grpc => {
                // Final only in a response without a body; otherwise the trailers have the last word.
                self.grpc_status = Status::from_headers(&head.headers);
                let content = content(&head.headers);
                self.is_unreadable = matches!(content, Content::Base64);
                // No answer of gRPC's: a client reads it as far as it notices, and drops the rest.
                let is_other = matches!(content, Content::Other) || !status.is_success();
                if is_other || self.is_unreadable {
                    self.responses.look_away();
                }
                body_ended || is_other
            }
            Protocol::Http => {
                body_ended
                    // A connection does not ask a body of no bytes whether it has ended.
                    || length == Some(0)
                    || self.is_head
                    || (self.is_connect && status.is_success())
                    || status.is_informational()
                    || status == StatusCode::NO_CONTENT
                    || status == StatusCode::NOT_MODIFIED
            }
        }
    }

    pub(crate) fn on_data(&mut self, data: &impl bytes::Buf) {
        if self.recording && self.protocol == Protocol::Grpc {
            self.responses.feed(data);
            if let Some(trailers) = self.responses.web_trailers() {
                self.on_trailers(&trailers);
            }
        }
    }

    pub(crate) fn on_trailers(&mut self, trailers: &http::HeaderMap) {
        if let Some(status) = Status::from_headers(trailers) {
            self.grpc_status = Some(status);
        }
    }

    /// Whether the trailers or the head have told a gRPC status.
    pub(crate) fn has_grpc_status(&self) -> bool {
        self.grpc_status.is_some()
    }

    fn end(mut self, failure: Option<Failure>) {
        self.finish(failure);
    }

    fn finish(&mut self, failure: Option<Failure>) {
        self.ended = true;
        let grpc = self.recording && self.protocol == Protocol::Grpc;
        let end = End {
            kind: self.kind.clone(),
            protocol: self.protocol,
            http_status: self.http_status,
            version: self.version,
            is_unreadable: self.is_unreadable,
            grpc_status: self.grpc_status.take(),
            failure,
            requests: self.requests.as_ref().and_then(|meter| meter.totals()),
            responses: if grpc { self.responses.totals() } else { None },
        };
        self.options.dialect.end(&self.context.span(), &end);
    }
}

/// What the body of a gRPC call's response is made of.
enum Content {
    Frames,
    /// gRPC-Web's text mode.
    Base64,
    /// Somebody else's page.
    Other,
}

fn content(headers: &http::HeaderMap) -> Content {
    const TEXT: &[u8] = b"application/grpc-web-text";
    if content_type_begins(headers, TEXT) {
        Content::Base64
    } else if content_type_begins(headers, CONTENT_TYPE)
        || !headers.contains_key(http::header::CONTENT_TYPE)
    {
        Content::Frames
    } else {
        Content::Other
    }
}

/// When a call with this time-out is taken to be over time.
///
/// The client's clock started earlier than a server's, so its reset comes a little before the server's
/// own deadline: a twentieth of the time-out, and 20 ms at most, count as over.
fn deadline(timeout: Duration) -> Option<Instant> {
    let early = (timeout / 20).min(Duration::from_millis(20));
    Instant::now().checked_add(timeout.checked_sub(early)?)
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let failure = if self.running {
            Failure::Panic
        } else if self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now())
        {
            Failure::Deadline
        } else {
            Failure::Dropped
        };
        self.finish(Some(failure));
    }
}
