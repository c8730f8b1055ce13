//! What a service answers.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use lianlu::{KeyValue, Route, TraceOptions};

use crate::call::{Call, Field};

/// What comes of a response's body.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Data(&'static [u8]),
    /// In one frame of two buffers.
    Two(&'static [u8], &'static [u8]),
    Trailers(&'static [(&'static str, &'static [u8])]),
    Error,
    Panic,
    /// Nothing at the first try.
    Later,
    /// Nothing more ever.
    Stuck,
}

const MESSAGE: Piece = Piece::Data(b"\0\0\0\0\x02\n\0");
const OK: Piece = Piece::Trailers(&[("grpc-status", b"0")]);

const BODIES: [&[Piece]; 26] = [
    &[MESSAGE, OK],
    &[Piece::Data(b"an order")],
    &[OK],
    &[],
    &[MESSAGE],
    &[MESSAGE, MESSAGE, OK],
    &[Piece::Later, MESSAGE, Piece::Later, OK],
    &[
        MESSAGE,
        Piece::Trailers(&[("grpc-status", b"5"), ("grpc-message", b"no%20one")]),
    ],
    &[Piece::Trailers(&[
        ("grpc-status", b"13"),
        ("grpc-message", b"broken"),
    ])],
    &[Piece::Trailers(&[("grpc-status", b"12")])],
    &[MESSAGE, Piece::Trailers(&[("x-cost", b"7")])],
    &[MESSAGE, Piece::Trailers(&[("grpc-status", b"00")])],
    &[
        MESSAGE,
        Piece::Trailers(&[("grpc-status", b"0"), ("grpc-message", b"fine")]),
    ],
    &[MESSAGE, Piece::Trailers(&[("grpc-status", b"99")])],
    &[MESSAGE, Piece::Trailers(&[("grpc-status", b"\xff")])],
    &[
        MESSAGE,
        Piece::Trailers(&[("grpc-status", b"0"), ("grpc-status", b"5")]),
    ],
    &[
        MESSAGE,
        Piece::Trailers(&[
            ("x-cost", b"7"),
            ("grpc-status", b"5"),
            ("grpc-status", b"0"),
        ]),
    ],
    &[Piece::Data(b"\0\0\0\0\x02"), Piece::Data(b"\n\0"), OK],
    &[Piece::Two(b"\0\0\0\0\x02", b"\n\0"), OK],
    &[Piece::Data(b""), MESSAGE, OK],
    &[MESSAGE, Piece::Data(b"\0\0\0"), OK],
    &[MESSAGE, Piece::Error],
    &[MESSAGE, Piece::Panic],
    &[MESSAGE, Piece::Stuck],
    &[MESSAGE, Piece::Data(b"\x80\0\0\0\x10grpc-status: 5\r\n")],
    &[
        Piece::Data(b"AAAAAAIKAA=="),
        Piece::Data(b"gAAAABBncnBjLXN0YXR1czogMA0K"),
    ],
];

const HEADS: [&[(&str, &[u8])]; 15] = [
    &[("content-type", b"application/grpc")],
    &[("content-type", b"text/plain")],
    &[],
    &[("content-type", b"application/grpc+proto")],
    &[("content-type", b"Application/GRPC")],
    &[("content-type", b"application/grpc-web+proto")],
    &[("content-type", b"application/grpc-web-text")],
    &[("content-type", b"application/grpc"), ("grpc-status", b"0")],
    &[
        ("content-type", b"application/grpc"),
        ("grpc-status", b"7"),
        ("grpc-message", b"not%20you"),
    ],
    &[
        ("content-type", b"application/grpc"),
        ("content-length", b"7"),
    ],
    &[
        ("content-type", b"application/grpc"),
        ("content-length", b"0"),
    ],
    &[
        ("content-type", b"application/grpc"),
        ("x-tenant", b"acme"),
        ("x-tenant", b"\xff"),
    ],
    &[
        ("content-type", b"application/grpc"),
        ("content-type", b"text/plain"),
    ],
    &[("content-type", b"application/grpc"), ("grpc-status", b"x")],
    &[
        ("content-type", b"application/grpc"),
        ("grpc-status", b"12"),
    ],
];

const STATUSES: [u16; 10] = [200, 204, 304, 301, 404, 409, 500, 503, 101, 600];

/// A body made of pieces.
#[derive(Debug)]
pub struct Reply {
    pieces: std::slice::Iter<'static, Piece>,
    was_late: bool,
    /// Whether it says that it has ended, and how long it is.
    tells_end: bool,
    tells_length: bool,
}

fn headers(list: &[(&'static str, &'static [u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let name = HeaderName::from_static(name);
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

impl Body for Reply {
    type Data = Chain<Bytes, Bytes>;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let data = |a, b| Frame::data(Bytes::from_static(a).chain(Bytes::from_static(b)));
        Poll::Ready(Some(match self.pieces.as_slice().first() {
            None => return Poll::Ready(None),
            Some(Piece::Stuck) => return Poll::Pending,
            Some(Piece::Later) if !std::mem::replace(&mut self.was_late, true) => {
                return Poll::Pending;
            }
            Some(piece) => {
                self.pieces.next();
                self.was_late = false;
                match *piece {
                    Piece::Later => {
                        return self.poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
                    }
                    Piece::Panic => panic!("a body that panics"),
                    Piece::Error => Err(std::io::Error::other("broken")),
                    Piece::Data(piece) => Ok(data(piece, b"")),
                    Piece::Two(a, b) => Ok(data(a, b)),
                    Piece::Trailers(list) => Ok(Frame::trailers(headers(list))),
                    Piece::Stuck => unreachable!("stays"),
                }
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.tells_end && self.pieces.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        if !self.tells_length {
            return SizeHint::default();
        }
        let pieces = self.pieces.clone().map(|piece| match piece {
            Piece::Data(piece) => piece.len() as u64,
            Piece::Two(a, b) => (a.len() + b.len()) as u64,
            _ => 0,
        });
        SizeHint::with_exact(pieces.sum())
    }
}

impl Call {
    pub fn response(&self) -> Response<Reply> {
        let kind = self.at(Field::BodyKind, 4);
        let mut response = Response::new(Reply {
            pieces: BODIES[self.at(Field::Body, BODIES.len())].iter(),
            was_late: false,
            tells_end: kind & 1 != 0,
            tells_length: kind & 2 != 0,
        });
        let status = STATUSES[self.at(Field::Status, STATUSES.len())];
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.headers_mut() = headers(HEADS[self.at(Field::Head, HEADS.len())]);
        *response.version_mut() =
            [Version::HTTP_2, Version::HTTP_11, Version::HTTP_3][self.at(Field::AnswerVersion, 3)];
        let extensions = response.extensions_mut();
        let told = TraceOptions::new();
        match self.at(Field::AnswerExtension, 7) {
            0 => {}
            1 => drop(extensions.insert(SocketAddr::from(([10, 0, 0, 9], 9000)))),
            2 => drop(extensions.insert(Route("/late/{id}".into()))),
            3 => drop(extensions.insert(told.with_name("told"))),
            4 => {
                let told = told.with_attribute(KeyValue::new("rpc.method", "told"));
                extensions.insert(told.with_attribute(KeyValue::new("told", true)));
            }
            5 => drop(extensions.insert(7_u8)),
            _ => drop(extensions.insert(SocketAddr::from(([10, 0, 0, 9], 9001)))),
        }
        response
    }
}
