//! What a response's head tells of its call.

use http::{HeaderMap, StatusCode, header, response};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::Call;
use crate::conventions::Protocol;
use crate::conventions::headers::{self, Direction};
use crate::grpc::{CONTENT_TYPE, Status, TEXT_CONTENT_TYPE};
use crate::route::Route;
use crate::scan::{begins, number};
use crate::trace::hooks::ResponseHead;
use crate::trace::peer::contacted;
use crate::trace::stream_end::StreamEnd;
use crate::trace_options::TraceOptions;

impl Call {
    /// Notes the response's head, and writes into it what the layer was told to. `true` if nothing of
    /// the call that its span is to see can follow it.
    pub(in crate::trace) fn on_head(
        &mut self,
        context: &Context,
        head: &mut response::Parts,
        seen: &Seen,
        length: Option<u64>,
        body_ended: bool,
    ) -> bool {
        let status = head.status;
        self.http_status = Some(status);
        self.version = Some(head.version);
        if self.kind == SpanKind::Server {
            let headers = &mut head.headers;
            self.options.response_headers.write(context, headers);
            let route = head.extensions.get::<Route>();
            self.late_route = route.map(|route| route.0.clone().into());
        } else if self.peer.is_none() {
            self.peer = contacted(&head.extensions);
        }
        self.describe_response(context, head);
        let ends_here = match self.protocol {
            Protocol::Grpc => {
                // Final only in a response without a body; otherwise the trailers have the last word.
                if seen.has_status {
                    self.grpc_status = Status::from_headers(&head.headers);
                }
                let content = &seen.content;
                // No answer of gRPC's: a client reads it as far as it notices, and drops the rest.
                let is_other = matches!(content, ContentType::Other) || !status.is_success();
                if is_other {
                    self.responses.look_away();
                } else if matches!(content, ContentType::Text) {
                    self.answers_text = true;
                    self.responses.decode_text();
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
        };
        if !ends_here && self.stream_end == StreamEnd::Headers {
            // What the trailers will say is not waited for, nor what the body will hold.
            self.is_unreadable |= self.grpc_status.is_none();
            self.response_size = length;
            return true;
        }
        ends_here
    }

    /// What the response's head and its handler add to the span.
    fn describe_response(&mut self, context: &Context, head: &response::Parts) {
        if !self.recording {
            return;
        }
        let settings = &self.options.settings;
        let told = head.extensions.get::<TraceOptions>();
        let hook = &self.options.hooks.on_response;
        if settings.response_headers.is_empty() && told.is_none() && hook.is_none() {
            return;
        }
        let span = context.span();
        let mut attributes = Vec::new();
        headers::capture(
            settings,
            self.protocol,
            Direction::Response,
            &head.headers,
            |attribute| attributes.push(attribute),
        );
        if let Some(told) = told {
            attributes.extend(told.attributes().iter().cloned());
            if let Some(name) = told.name() {
                self.named = true;
                span.update_name(name.clone());
                if let Some(slices) = &mut self.slices {
                    slices.set_name(name);
                }
            }
        }
        if let Some(slices) = &mut self.slices {
            slices.add_attributes(&attributes);
        }
        if !attributes.is_empty() {
            span.set_attributes(attributes);
        }
        if let Some(hook) = hook {
            hook(&ResponseHead::new(head), &span);
        }
    }
}

/// What the body of a gRPC call's response is made of.
#[derive(Debug, Clone, Copy)]
enum ContentType {
    Frames,
    /// The same in the base64 of gRPC-Web's text mode.
    Text,
    /// Somebody else's page.
    Other,
}

/// What a response's headers tell, seen in one pass.
#[derive(Debug)]
pub(in crate::trace) struct Seen {
    pub(in crate::trace) length: Option<u64>,
    content: ContentType,
    has_status: bool,
}

impl Seen {
    /// Whether messages of gRPC follow, and then their status.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(super) fn is_plain_grpc(&self) -> bool {
        matches!(self.content, ContentType::Frames) && !self.has_status
    }

    #[inline]
    pub(in crate::trace) fn of(headers: &HeaderMap) -> Self {
        let (mut content_type, mut length, mut has_status) = (None, None, false);
        for (name, value) in headers {
            match name.as_str().len() {
                11 if name.as_str() == "grpc-status" => has_status = true,
                12 if *name == header::CONTENT_TYPE => content_type = content_type.or(Some(value)),
                14 if *name == header::CONTENT_LENGTH => length = length.or(Some(value)),
                _ => {}
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
