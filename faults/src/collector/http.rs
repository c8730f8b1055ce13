//! A collector over HTTP, written by hand: libraries refuse to send some of these answers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::net::TcpSocket;

use super::{Inbox, port};
use crate::Gate;

/// The answer to a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with an empty body.
    Accepted,
    /// The same, after this delay.
    Slow(Duration),
    /// A status line, more header lines, and a body.
    Status(&'static str, Vec<String>, Vec<u8>),
    /// Resets the connection after this percentage of the request's body.
    Reset(usize),
    /// Closes the connection after the request.
    Nothing,
    /// These bytes, then closes the connection.
    Raw(Vec<u8>),
    /// 200 and an endless body.
    Endless,
}

type Script = Box<dyn FnMut(usize) -> Answer + Send>;

struct State {
    inbox: Inbox,
    script: Mutex<Script>,
    number: AtomicUsize,
    sent: AtomicUsize,
    gate: Gate,
}

/// A collector over HTTP. Listens until it is stopped or dropped.
pub struct Http {
    /// Its address.
    pub address: SocketAddr,
    _port: TcpSocket,
    state: Arc<State>,
    listener: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Http {
    /// A collector that accepts everything.
    #[must_use]
    pub fn start() -> Self {
        let (address, port) = port::hold();
        let mut new = Self {
            address,
            _port: port,
            state: Arc::new(State {
                inbox: Inbox::default(),
                script: Mutex::new(Box::new(|_| Answer::Accepted)),
                number: AtomicUsize::new(0),
                sent: AtomicUsize::new(0),
                gate: Gate::default(),
            }),
            listener: None,
        };
        new.resume();
        new
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The received requests.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.state.inbox
    }

    /// Answers every request in this way from now on.
    pub fn always(&self, answer: Answer) {
        self.script(move |_| answer.clone());
    }

    /// Answers each request by its number, counted from 0 now.
    pub fn script(&self, script: impl FnMut(usize) -> Answer + Send + 'static) {
        *self.state.script.lock().unwrap() = Box::new(script);
        self.state.number.store(0, Ordering::Relaxed);
    }

    /// While it is closed, requests get the first half of their answer and no more; those that are to be reset stay
    /// half read.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.state.gate
    }

    /// Number of bytes sent in endless answers.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Closes the port.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.listener.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().unwrap();
        }
    }

    /// Opens the port again.
    pub fn resume(&mut self) {
        let listener = port::listen(self.address);
        let state = Arc::clone(&self.state);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || listen(&listener, &state, &stopped));
        self.listener = Some((stop, thread));
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.state.gate.open();
        self.stop();
    }
}

fn listen(listener: &TcpListener, state: &Arc<State>, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                let state = Arc::clone(state);
                // The child may be killed in the middle of a request.
                thread::spawn(move || drop(serve(stream, &state)));
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Serves one request; each has its own connection.
fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let at = Instant::now();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let answer = {
        let mut script = state.script.lock().unwrap();
        script(state.number.fetch_add(1, Ordering::Relaxed))
    };
    if let Answer::Reset(percent) = answer {
        let mut part = vec![0; (length * percent / 100).min(length.saturating_sub(1))];
        reader.read_exact(&mut part)?;
        state.gate.pass();
        // The system resets a connection that is closed before all bytes are read.
        return Ok(());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let message = ExportTraceServiceRequest::decode(&*body).unwrap();
    let is_success = match &answer {
        Answer::Accepted | Answer::Slow(_) | Answer::Endless => true,
        Answer::Status(status, ..) => status.starts_with('2'),
        Answer::Raw(bytes) => bytes.starts_with(b"HTTP/1.1 2"),
        Answer::Reset(_) | Answer::Nothing => false,
    };
    // Before the answer: a test that has seen the answer's effect may look for the request.
    state.inbox.put(message, head, is_success, at);
    reply(&stream, answer, state)
}

fn reply(mut stream: &TcpStream, answer: Answer, state: &State) -> io::Result<()> {
    const END: &str = "connection: close\r\n\r\n";
    let empty = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{END}");
    let bytes = match answer {
        Answer::Accepted => empty.into_bytes(),
        Answer::Slow(delay) => {
            thread::sleep(delay);
            empty.into_bytes()
        }
        Answer::Status(status, headers, body) => {
            let headers: String = headers.iter().map(|it| format!("{it}\r\n")).collect();
            let length = format!("content-length: {}", body.len());
            let head = format!("HTTP/1.1 {status}\r\n{headers}{length}\r\n{END}");
            [head.as_bytes(), &body].concat()
        }
        Answer::Raw(bytes) => bytes,
        Answer::Endless => return stream_forever(stream, state),
        Answer::Reset(_) | Answer::Nothing => Vec::new(),
    };
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stream.write_all(first)?;
    state.gate.pass();
    stream.write_all(second)
}

fn stream_forever(mut stream: &TcpStream, state: &State) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n";
    write!(
        stream,
        "{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )?;
    let chunk = [b"10000\r\n", &[0; 0x10000][..], b"\r\n"].concat();
    loop {
        stream.write_all(&chunk)?;
        state.sent.fetch_add(chunk.len(), Ordering::Relaxed);
        state.gate.pass();
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
