//! The life of a call, whatever carries it: how it starts, what happens to it, how it ends.
//!
//! ```text
//! start ─► ActiveCall ─┬─ request's body ─► RequestMeter
//!          (context,   ├─ response's head ─► on_head
//!           Call)      ├─ data, trailers ──► on_data, on_trailers
//!                      └─ end: regular · error · panic · drop ─► span, hooks, metrics
//! ```
//!
//! Nothing here depends on tower. A call whose description comes from a template, without unusual
//! events, uses only the few fields of [`Call`]. Everything else is in [`RareState`], which is allocated
//! when it is needed.

pub(crate) mod active;
mod alarm;
pub(crate) mod clock;
mod content;
mod end;
pub(crate) mod error;
pub(crate) mod error_class;
pub(crate) mod exceptions;
pub(crate) mod hints;
pub(crate) mod hooks;
pub(crate) mod inject;
pub(crate) mod message_events;
pub(crate) mod options;
mod panics;
pub(crate) mod peer;
mod pool;
pub(crate) mod request_meter;
pub(crate) mod response;
pub(crate) mod response_headers;
mod slices;
pub(crate) mod start;
pub(crate) mod stream_end;
pub(crate) mod trace_options;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Buf;
use http::{HeaderMap, StatusCode, Version};
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, StringValue};

use crate::describe::opt_in::OptIn;
use crate::describe::request::CallInfo;
use crate::describe::response::Totals;
use crate::describe::surface::Protocol;
use crate::describe::template::CallTemplate;
use crate::grpc::{Code, FrameCounter, Status};
use crate::metrics::ActiveRequest;
use crate::span::SpanHandle;
use clock::Began;
use content::{Content, ContentForm};
use message_events::MessageEvents;
use options::Options;
use request_meter::{RequestMeter, RequestWants};
use slices::Slices;
use stream_end::StreamEnd;

/// A call that is recorded or measured.
#[derive(Debug)]
pub(crate) struct Call {
    options: Arc<Options>,
    kind: SpanKind,
    protocol: Protocol,
    began: Began,
    span: SpanHandle,
    /// The template that calls like this one share. If `None`, `rare` has what the end needs from
    /// the start.
    template: Option<Arc<CallTemplate>>,
    /// The generation of the layer's instruments that measures the call.
    meters: Option<u64>,
    deadline: Option<Instant>,
    /// True if the request's method means a response without a body, whatever the headers are: any
    /// response to `HEAD`, a successful one to `CONNECT`.
    is_head: bool,
    is_connect: bool,
    requests: Option<Arc<RequestMeter>>,
    http_status: Option<StatusCode>,
    version: Option<Version>,
    /// The server that a client has reached.
    peer: Option<SocketAddr>,
    /// Whether a gRPC response has the status `OK`. Any other status is in `rare`.
    is_grpc_ok: bool,
    /// Counts of the response: complete gRPC messages, and their bytes or those of an HTTP body.
    messages: u64,
    bytes: u64,
    rare: Option<Box<RareState>>,
}

/// The less common parts of a call.
#[derive(Debug, Default)]
struct RareState {
    /// What the end needs from the start, for a call without a template.
    info: Option<CallInfo>,
    active: Option<ActiveRequest>,
    stream_end: StreamEnd,
    slices: Option<Box<Slices>>,
    /// Whether user code has named the span.
    is_named: bool,
    /// True if the messages are in base64: those of the request, and those of the response.
    is_text: bool,
    answers_text: bool,
    is_unreadable: bool,
    /// Any status but `OK`.
    grpc_status: Option<Status>,
    late_route: Option<StringValue>,
    /// The content length of a request whose body could not be counted.
    request_length: Option<u64>,
    /// The content length of a response whose body the span does not wait for.
    response_length: Option<Option<u64>>,
    /// Counts the response's messages, if frames are split across pieces.
    frames: Option<FrameCounter>,
    response_events: MessageEvents,
    request_form: ContentForm,
    response_content: Content,
}

impl RareState {
    /// Records the first messages of the response as events of the span.
    fn keep_messages(&mut self, most: u32) {
        if most > 0 {
            let frames = self.frames.get_or_insert_default();
            frames.keep_lengths(most);
        }
    }

    /// Keeps the first bytes of the response's body.
    fn keep_content(&mut self, limit: usize, headers: &HeaderMap) {
        self.response_content = Content::new(limit, ContentForm::of(headers));
    }
}

impl Call {
    #[cold]
    fn rare(&mut self) -> &mut RareState {
        self.rare.get_or_insert_default()
    }

    #[inline]
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What to count of the request's body.
    #[inline]
    pub(crate) fn request_wants(&self) -> RequestWants {
        let options = &self.options;
        let is_http = self.protocol == Protocol::Http;
        let is_recording = self.span.is_recording();
        RequestWants {
            messages: !is_http,
            is_text: self.rare.as_ref().is_some_and(|rare| rare.is_text),
            size: is_http
                && (options.body_sizes || options.settings.opt_ins.contains(OptIn::BodySize)),
            events: if is_recording {
                options.message_events
            } else {
                0
            },
            sent: self.kind == SpanKind::Client,
            content: if is_http && is_recording {
                options.request_content
            } else {
                0
            },
            form: self
                .rare
                .as_ref()
                .map_or_else(Default::default, |rare| rare.request_form),
        }
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn set_request_length(&mut self, length: u64) {
        self.rare().request_length = Some(length);
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn set_peer(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
    }

    /// True if the call's deadline has passed.
    fn is_overdue(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Counts a piece of the response's body.
    #[inline]
    pub(crate) fn on_data(&mut self, context: &Context, data: &impl Buf) {
        match self.protocol {
            Protocol::Http => {
                self.bytes += data.remaining() as u64;
                if let Some(rare) = &mut self.rare {
                    rare.response_content.feed(data);
                }
            }
            Protocol::Grpc => {
                let chunk = data.chunk();
                let has_counter = self.rare.as_ref().is_some_and(|rare| rare.frames.is_some());
                if !has_counter
                    && chunk.len() == data.remaining()
                    && let Some(message) = FrameCounter::whole_message(chunk)
                {
                    self.messages += 1;
                    self.bytes += message as u64;
                    return;
                }
                self.count_frames(context, data);
            }
        }
    }

    /// Counts messages that are split across pieces, or several in one piece. Also used without a
    /// recorded span: the metrics need the status, which gRPC-Web carries in its trailers.
    #[inline(never)]
    fn count_frames(&mut self, context: &Context, data: &impl Buf) {
        let rare = self.rare.get_or_insert_default();
        let frames = rare.frames.get_or_insert_with(|| {
            let mut frames = FrameCounter::default();
            frames.begin_with(self.messages, self.bytes);
            frames
        });
        frames.feed(data);
        let lengths = frames.take_lengths();
        let trailers = frames.web_trailers();
        if !lengths.is_empty() {
            let is_sent = self.kind != SpanKind::Client;
            rare.response_events
                .record(is_sent, &context.span(), &lengths);
        }
        if let Some(trailers) = trailers {
            self.on_trailers(&trailers);
        }
    }

    /// Reads the status of a gRPC call.
    #[inline]
    pub(crate) fn on_trailers(&mut self, trailers: &HeaderMap) {
        let mut all = trailers.iter();
        let status = all.find(|(name, _)| name.as_str() == "grpc-status");
        if status.is_some_and(|(_, value)| value.as_bytes() == b"0") {
            self.is_grpc_ok = true;
        } else {
            self.set_grpc_status(Status::from_headers(trailers));
        }
    }

    #[cold]
    fn set_grpc_status(&mut self, status: Option<Status>) {
        if let Some(status) = status {
            self.is_grpc_ok = status.code == Code::Ok;
            self.rare().grpc_status = Some(status);
        }
    }

    /// True if the trailers or the head contained a gRPC status.
    pub(crate) fn has_grpc_status(&self) -> bool {
        let rare = self.rare.as_ref();
        self.is_grpc_ok || rare.is_some_and(|rare| rare.grpc_status.is_some())
    }

    /// Messages and bytes of both directions so far.
    #[inline]
    fn totals(&self) -> [Totals; 2] {
        if self.protocol != Protocol::Grpc {
            return [None; 2];
        }
        let requests = self.requests.as_ref();
        let requests = requests.and_then(|meter| meter.messages.as_ref());
        let frames = self.rare.as_ref().and_then(|rare| rare.frames.as_ref());
        [
            requests.and_then(|meter| meter.totals()),
            match frames {
                Some(frames) => frames.totals(),
                None => Some((self.messages, self.bytes)),
            },
        ]
    }

    #[inline]
    fn is_sliced(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.slices.is_some())
    }

    /// Wakes the stream's task when its slice is over, if the stream is sliced.
    fn wake_for_slice(&mut self, waker: &Waker) {
        let rare = self.rare.as_mut();
        if let Some(slices) = rare.and_then(|rare| rare.slices.as_mut()) {
            slices.wake(waker);
        }
    }
}

/// When a call with this timeout counts as overdue.
///
/// The client's clock started before the server's, so its reset arrives a little before the
/// server's own deadline: the last twentieth of the timeout, at most 20 ms, already counts as
/// overdue.
fn deadline(from: Instant, timeout: Duration) -> Option<Instant> {
    let early = (timeout / 20).min(Duration::from_millis(20));
    from.checked_add(timeout.checked_sub(early)?)
}
