//! Reads a call's state from the head of its response.

use http::{HeaderMap, Response, StatusCode, header};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::Call;
use super::hooks::ResponseHead;
use super::peer::contacted;
use super::stream_end::StreamEnd;
use super::trace_options::TraceOptions;
use crate::describe::headers::{self, Direction};
use crate::describe::surface::Protocol;
use crate::grpc::{CONTENT_TYPE, FrameCounter, Status, TEXT_CONTENT_TYPE};
use crate::known_headers::{begins, number};
use crate::route::Route;

impl Call {
    /// Records the response's head, and adds the layer's response headers to it. Returns `true` if
    /// the call ends here. `length` is the body's length, if known; `body_ended`: the body has no
    /// more data.
    #[inline]
    pub(crate) fn on_head<B>(
        &mut self,
        context: &Context,
        response: &mut Response<B>,
        headers: &ResponseHeaders,
        length: Option<u64>,
        body_ended: bool,
    ) -> bool {
        let status = response.status();
        self.http_status = Some(status);
        self.version = Some(response.version());
        if self.kind == SpanKind::Server {
            let added = &self.options.response_headers;
            if added.is_any() {
                added.write(context, response.headers_mut());
            }
        } else if self.peer.is_none() {
            self.peer = contacted(response.extensions());
        }
        if self.options.reads_response_heads || !response.extensions().is_empty() {
            self.describe_response(context, response);
        }
        let ends_here = match self.protocol {
            Protocol::Grpc => self.on_grpc_head(response, headers, body_ended),
            Protocol::Http => {
                body_ended
                    // A connection does not ask an empty body whether it has ended.
                    || length == Some(0)
                    || self.is_head
                    || (self.is_connect && status.is_success())
                    || status.is_informational()
                    || status == StatusCode::NO_CONTENT
                    || status == StatusCode::NOT_MODIFIED
            }
        };
        if !ends_here
            && let Some(rare) = &mut self.rare
            && rare.stream_end == StreamEnd::Headers
        {
            // The span does not wait for the status in the trailers or for the body's size.
            rare.is_unreadable |= rare.grpc_status.is_none() && !self.is_grpc_ok;
            rare.response_length = Some(length);
            return true;
        }
        ends_here
    }

    #[inline]
    fn on_grpc_head<B>(
        &mut self,
        response: &Response<B>,
        headers: &ResponseHeaders,
        body_ended: bool,
    ) -> bool {
        // Final only in a response without a body; otherwise the trailers have the status.
        if headers.has_status {
            self.set_grpc_status(Status::from_headers(response.headers()));
        }
        let content = headers.content;
        // Not a gRPC response: a client reads it until it notices, and drops the rest.
        let is_other = matches!(content, ContentType::Other) || !response.status().is_success();
        if is_other || matches!(content, ContentType::Text) {
            let (messages, bytes) = (self.messages, self.bytes);
            let rare = self.rare();
            let frames = rare.frames.get_or_insert_with(|| {
                let mut frames = FrameCounter::default();
                frames.begin_with(messages, bytes);
                frames
            });
            if is_other {
                frames.look_away();
            } else {
                frames.decode_text();
                rare.answers_text = true;
            }
        }
        body_ended || is_other
    }

    /// Adds the attributes that come from the response's head and from its handler.
    #[inline(never)]
    fn describe_response<B>(&mut self, context: &Context, response: &Response<B>) {
        let extensions = response.extensions();
        if self.kind == SpanKind::Server
            && let Some(route) = extensions.get::<Route>()
        {
            let route = route.0.clone().into();
            self.rare().late_route = Some(route);
        }
        if !self.span.is_recording() {
            return;
        }
        let requested = extensions.get::<TraceOptions>();
        if !self.options.reads_response_heads && requested.is_none() {
            return;
        }
        if self.options.response_content > 0 && self.protocol == Protocol::Http {
            let limit = self.options.response_content;
            self.rare().keep_content(limit, response.headers());
        }
        let span = context.span();
        let mut attributes = Vec::new();
        headers::capture(
            &self.options.settings,
            self.protocol,
            Direction::Response,
            response.headers(),
            |attribute| attributes.push(attribute),
        );
        if let Some(requested) = requested {
            attributes.extend(requested.attributes().iter().cloned());
            if let Some(name) = requested.name() {
                span.update_name(name.clone());
                let rare = self.rare();
                rare.is_named = true;
                if let Some(slices) = &mut rare.slices {
                    slices.set_name(name);
                }
            }
        }
        let rare = self.rare.as_mut();
        if let Some(slices) = rare.and_then(|rare| rare.slices.as_mut()) {
            slices.add_attributes(&attributes);
        }
        if !attributes.is_empty() {
            span.set_attributes(attributes);
        }
        if let Some(hook) = &self.options.hooks.on_response {
            hook(&ResponseHead::new(response), &span);
        }
    }
}

/// The kind of content in the body of a gRPC call's response.
#[derive(Debug, Clone, Copy)]
enum ContentType {
    Frames,
    /// gRPC-Web's text mode: frames in base64.
    Text,
    /// Not gRPC, such as a proxy's error page.
    Other,
}

/// The headers of a response that a call depends on, found in one pass.
#[derive(Debug)]
pub(crate) struct ResponseHeaders {
    pub(crate) length: Option<u64>,
    content: ContentType,
    has_status: bool,
}

impl ResponseHeaders {
    #[inline]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut content_type, mut length, mut has_status) = (None, None, false);
        for (name, value) in headers {
            if *name == header::CONTENT_TYPE {
                content_type = content_type.or(Some(value));
            } else if *name == header::CONTENT_LENGTH {
                length = length.or(Some(value));
            } else if name.as_str() == "grpc-status" {
                has_status = true;
            }
        }
        Self {
            length: length.and_then(number),
            content: if content_type.is_none_or(|value| value.as_bytes() == CONTENT_TYPE) {
                ContentType::Frames
            } else if begins(content_type, TEXT_CONTENT_TYPE) {
                ContentType::Text
            } else if begins(content_type, CONTENT_TYPE) {
                ContentType::Frames
            } else {
                ContentType::Other
            },
            has_status,
        }
    }
}
