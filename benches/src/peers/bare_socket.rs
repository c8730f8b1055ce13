//! What no exporter can be below on this kernel: for each so many spans that are made, a thread sends the same bytes in
//! one HTTP/1.1 request, written at once to a blocking socket, and reads the answer. Nothing is recorded or encoded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use lianlu_wire::otlp::{
    AttributeOf, Envelope, Request, SpanHead, put_scope, put_span, put_str, span_flags,
};

/// Spans of a request, as most of ours have.
pub(crate) const BATCH: u64 = 508;

/// What the spans are like.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) attributes: usize,
    /// With each one's share of what stands around them.
    pub(crate) bytes: usize,
}

pub(crate) struct BareSocket {
    spans: u64,
    batches: Sender<()>,
    thread: JoinHandle<()>,
}

impl BareSocket {
    /// To `http://HOST:PORT`.
    pub(crate) fn connect(url: &str, shape: Shape) -> Self {
        let target = url.strip_prefix("http://").expect("the sink speaks HTTP");
        let mut stream = TcpStream::connect(target).expect("the sink listens");
        stream.set_nodelay(true).expect("TCP has this option");
        let request = request(target, &message(shape));
        let (batches, full) = mpsc::channel();
        let thread = thread::spawn(move || {
            for () in full {
                send(&mut stream, &request);
            }
        });
        Self {
            spans: 0,
            batches,
            thread,
        }
    }

    /// One has been made.
    pub(crate) fn span(&mut self) {
        self.spans += 1;
        if self.spans.is_multiple_of(BATCH) {
            self.batches.send(()).expect("the thread lives");
        }
    }

    /// Waits until all is sent and answered.
    pub(crate) fn close(self) {
        assert_eq!(self.spans % BATCH, 0, "spans that no request is for");
        drop(self.batches);
        self.thread.join().expect("the sink takes all");
    }
}

fn send(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).expect("the sink reads");
    let mut answer = [0; 512];
    let mut length = 0;
    while !answer[..length].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut answer[length..]);
        let read = read.expect("the sink answers");
        assert_ne!(read, 0, "the sink has gone");
        length += read;
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "the sink refuses");
}

fn request(target: &str, message: &[u8]) -> Vec<u8> {
    let length = message.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {target}\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), message].concat()
}

/// An `ExportTraceServiceRequest` of this shape.
fn message(shape: Shape) -> Vec<u8> {
    let length = BATCH as usize * shape.bytes;
    let mut messages = (0..).map(|padding| padded(shape.attributes, padding));
    let message = messages.find(|message| message.len() >= length);
    let message = message.expect("padding has no end");
    let spans = Request::new(&message).validate();
    assert_eq!(spans, Ok(BATCH as usize), "spans of the message");
    message
}

/// With so many bytes in the attributes' values of each span.
fn padded(attributes: usize, padding: usize) -> Vec<u8> {
    let mut resource = Vec::new();
    let (of, key) = (AttributeOf::Resource, "service.name");
    put_str(&mut resource, of, key, "greeter");
    let mut scope = Vec::new();
    put_scope(&mut scope, "bench", "", |_| ());
    let mut spans = Vec::new();
    for number in 1..=BATCH {
        let head = SpanHead {
            trace_id: u128::from(number).to_be_bytes(),
            span_id: number.to_be_bytes(),
            parent_span_id: number.to_be_bytes(),
            trace_state: "",
            flags: span_flags(1, true),
            name: "helloworld.Greeter/SayHello",
            kind: 2,
            start_unix_nanos: number,
            end_unix_nanos: number + 1,
        };
        put_span(&mut spans, &head, |out| {
            for attribute in 0..attributes {
                let value = "x".repeat((padding + attribute) / attributes);
                put_str(out, AttributeOf::Span, "an.attribute", &value);
            }
        });
    }
    let envelope = Envelope {
        resource: &resource,
        schema_url: "",
    };
    let mut message = Vec::new();
    let scopes = Envelope::scope_spans_len(&scope, "", spans.len());
    envelope.put_start(&mut message, scopes);
    Envelope::put_scope_start(&mut message, &scope, "", spans.len());
    message.extend_from_slice(&spans);
    message
}
