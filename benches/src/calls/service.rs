//! A service that answers at once: what a layer adds is all there is.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::{Body, Frame};
use tower_service::Service;

/// A gRPC message of twelve bytes behind its prefix.
const MESSAGE: &[u8] = b"\0\0\0\0\x0cHello, world";

/// Answers each gRPC call with one message and the trailer `grpc-status: 0`.
#[derive(Clone, Copy)]
pub(crate) struct Greeter;

impl<B> Service<Request<B>> for Greeter {
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Reply>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Reply::Message);
        *response.version_mut() = http::Version::HTTP_2;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        ready(Ok(response))
    }
}

/// The frame of a reply that comes next.
#[derive(Debug)]
pub(crate) enum Reply {
    Message,
    Trailers,
    End,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match *self {
            Self::Message => {
                *self = Self::Trailers;
                Some(Ok(Frame::data(Bytes::from_static(MESSAGE))))
            }
            Self::Trailers => {
                *self = Self::End;
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(trailers)))
            }
            Self::End => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::End)
    }
}
