//! A traced call under way: takes note of how it goes, and says it when it ends.

mod end;
mod ender;
mod head;
mod room;
#[cfg(feature = "pipeline")]
mod usual;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use http::{StatusCode, Version};
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, StringValue};

use super::clock::Began;
use super::content::Content;
use super::direct::Open;
use super::message_events::MessageEvents;
use super::options::Options;
use super::request_body::{RequestMeter, Wanted, meter};
use super::slices::Slices;
use super::stream_end::StreamEnd;

use crate::conventions::opt_in::OptIn;
use crate::conventions::{Carried, Protocol};
use crate::grpc::{FrameCounter, Status, TEXT_CONTENT_TYPE, parse_timeout};
use crate::metrics::Measured;
use crate::request::RequestHead;
use crate::scan::Scan;
pub(super) use head::Seen;
pub(super) use room::{CallBox, Lists};
#[cfg(feature = "pipeline")]
pub(super) use usual::UsualCall;

/// Without the feature `pipeline` no call is usual.
#[cfg(not(feature = "pipeline"))]
#[derive(Debug)]
pub(super) enum UsualCall {}

#[derive(Debug)]
pub(super) struct Call {
    options: Arc<Options>,
    kind: SpanKind,
    protocol: Protocol,
    began: Began,
    recording: bool,
    /// Its span, if that goes the short way.
    open: Option<Open>,
    carried: Carried,
    measured: Option<Measured>,
    /// Whether the request's method leaves a response without a body, whatever its headers say:
    /// `HEAD` any, `CONNECT` a successful one.
    is_head: bool,
    is_connect: bool,
    /// Whether the request's messages are in base64, and the response's.
    is_text: bool,
    answers_text: bool,
    deadline: Option<Instant>,
    stream_end: StreamEnd,
    slices: Option<Box<Slices>>,
    /// Whether the user has named the span.
    named: bool,
    http_status: Option<StatusCode>,
    version: Option<Version>,
    /// Whom a client has reached.
    peer: Option<SocketAddr>,
    is_unreadable: bool,
    grpc_status: Option<Status>,
    late_route: Option<StringValue>,
    requests: Option<Arc<RequestMeter>>,
    /// The length of a request's body that could not be counted, as its head tells it.
    request_length: Option<u64>,
    responses: FrameCounter,
    response_events: MessageEvents,
    /// Bytes of the response's body, of an HTTP call. `None` if nobody counts them and no head told them.
    response_size: Option<u64>,
    response_content: Content,
}

/// What a call is made of.
#[derive(Debug)]
pub(super) struct NewCall<'a> {
    pub(super) options: Arc<Options>,
    pub(super) kind: SpanKind,
    pub(super) protocol: Protocol,
    pub(super) head: RequestHead<'a>,
    pub(super) scan: &'a Scan<'a>,
    pub(super) began: Began,
    pub(super) recording: bool,
    pub(super) open: Option<Open>,
    pub(super) carried: Carried,
    pub(super) measured: Option<Measured>,
    pub(super) stream_end: StreamEnd,
    pub(super) slices: Option<Box<Slices>>,
    pub(super) named: bool,
}

impl Call {
    #[inline]
    fn new(new: NewCall<'_>) -> Self {
        let (head, scan) = (&new.head, new.scan);
        let is_grpc = new.protocol == Protocol::Grpc;
        let timeout = scan.grpc_timeout().filter(|_| is_grpc);
        let timeout = timeout.and_then(parse_timeout);
        let is_client = new.kind == SpanKind::Client;
        let mut responses = FrameCounter::default();
        if new.recording {
            responses.keep_lengths(new.options.message_events);
        }
        let response_content = if new.recording {
            new.options.response_content
        } else {
            0
        };
        Self {
            deadline: timeout.and_then(|timeout| deadline(new.began.instant, timeout)),
            is_head: head.method() == http::Method::HEAD,
            is_connect: head.method() == http::Method::CONNECT,
            is_text: is_grpc && scan.content_type_begins(TEXT_CONTENT_TYPE),
            answers_text: false,
            request_length: scan.content_length(),
            response_content: Content::new(response_content),
            options: new.options,
            kind: new.kind,
            protocol: new.protocol,
            began: new.began,
            recording: new.recording,
            open: new.open,
            carried: new.carried,
            measured: new.measured,
            stream_end: new.stream_end,
            slices: new.slices,
            named: new.named,
            http_status: None,
            version: None,
            peer: None,
            is_unreadable: false,
            grpc_status: None,
            late_route: None,
            requests: None,
            responses,
            response_events: MessageEvents::new(!is_client),
            response_size: Some(0),
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What is to be counted of the request's body.
    fn wanted_of_request(&self) -> Wanted {
        let options = &self.options;
        let is_http = self.protocol == Protocol::Http;
        Wanted {
            messages: !is_http,
            is_text: self.is_text,
            size: is_http
                && (options.body_sizes || options.settings.opt_ins.contains(OptIn::BodySize)),
            events: if self.recording {
                options.message_events
            } else {
                0
            },
            sent: self.kind == SpanKind::Client,
            content: if is_http && self.recording {
                options.request_content
            } else {
                0
            },
        }
    }

    #[inline]
    fn meter_request<B: 'static>(
        &mut self,
        body: &mut B,
        context: &Context,
        spare: &mut Option<Arc<RequestMeter>>,
    ) {
        let wanted = self.wanted_of_request();
        self.requests = meter(body, context, wanted, spare);
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn set_request_length(&mut self, length: u64) {
        self.request_length = Some(length);
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn set_peer(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
    }

    /// Whether the call's time is over.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(super) fn on_data(&mut self, context: &Context, data: &impl bytes::Buf) {
        match self.protocol {
            Protocol::Http => {
                if let Some(size) = &mut self.response_size {
                    *size += data.remaining() as u64;
                }
                self.response_content.feed(data);
            }
            // Also where no span records: the trailers of gRPC-Web have the status for the metrics.
            Protocol::Grpc => {
                self.responses.feed(data);
                let lengths = self.responses.take_lengths();
                self.response_events.record(&context.span(), &lengths);
                if let Some(trailers) = self.responses.web_trailers() {
                    self.on_trailers(&trailers);
                }
            }
        }
    }

    pub(super) fn on_trailers(&mut self, trailers: &http::HeaderMap) {
        if let Some(status) = Status::from_headers(trailers) {
            self.grpc_status = Some(status);
        }
    }

    /// Whether the trailers or the head have told a gRPC status.
    pub(super) fn has_grpc_status(&self) -> bool {
        self.grpc_status.is_some()
    }

    #[inline]
    pub(super) fn is_sliced(&self) -> bool {
        self.slices.is_some()
    }

    /// Has the stream's task polled when its slice is over, if it is sliced.
    pub(super) fn wake_for_slice(&mut self, waker: &Waker) {
        if let Some(slices) = &mut self.slices {
            slices.wake(waker);
        }
    }
}

/// When a call with this time-out is taken to be over time.
///
/// The client's clock started earlier than a server's, so its reset comes a little before the server's
/// own deadline: a twentieth of the time-out, and 20 ms at most, count as over.
fn deadline(from: Instant, timeout: Duration) -> Option<Instant> {
    let early = (timeout / 20).min(Duration::from_millis(20));
    from.checked_add(timeout.checked_sub(early)?)
}
