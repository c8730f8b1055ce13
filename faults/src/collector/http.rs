//! A collector over HTTP, by hand: no library would answer as wrongly as some of these have to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::net::TcpSocket;

use super::{Inbox, port};

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200, with nothing in it.
    Taken,
    /// The same, after this time.
    Slow(Duration),
    /// A status line, further header lines, and a body.
    Status(&'static str, Vec<String>, Vec<u8>),
    /// The connection is reset when so much of the body has come, in percent.
    Reset(usize),
    /// The connection is closed when all of it has come.
    Nothing,
    /// These bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// 200, and a body without an end.
    Endless,
}

type Script = Box<dyn FnMut(usize) -> Answer + Send>;

struct State {
    inbox: Inbox,
    script: Mutex<Script>,
    number: AtomicUsize,
    sent: AtomicUsize,
}

/// Listens until it is told to stop, or is dropped.
pub struct Http {
    /// Where.
    pub address: SocketAddr,
    _port: TcpSocket,
    state: Arc<State>,
    listener: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Http {
    /// One that takes everything.
    #[must_use]
    pub fn start() -> Self {
        let (address, port) = port::hold();
        let mut new = Self {
            address,
            _port: port,
            state: Arc::new(State {
                inbox: Inbox::default(),
                script: Mutex::new(Box::new(|_| Answer::Taken)),
                number: AtomicUsize::new(0),
                sent: AtomicUsize::new(0),
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

    /// What it got.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.state.inbox
    }

    /// Answers so from now on.
    pub fn always(&self, answer: Answer) {
        self.script(move |_| answer.clone());
    }

    /// Answers the first request so, the second so, by their numbers from 0 on.
    pub fn script(&self, script: impl FnMut(usize) -> Answer + Send + 'static) {
        *self.state.script.lock().unwrap() = Box::new(script);
        self.state.number.store(0, Ordering::Relaxed);
    }

    /// How many bytes of endless answers were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Closes its port.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.listener.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().unwrap();
        }
    }

    /// Opens it again.
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
        self.stop();
    }
}

fn listen(listener: &TcpListener, state: &Arc<State>, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                let state = Arc::clone(state);
                // Whoever is killed in the middle of a request is no failure of ours.
                thread::spawn(move || drop(serve(stream, &state)));
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// One request for each connection.
fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
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
        // The system resets a connection that is closed with bytes unread.
        return Ok(());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let message = ExportTraceServiceRequest::decode(&*body).unwrap();
    let is_success = match &answer {
        Answer::Taken | Answer::Slow(_) | Answer::Endless => true,
        Answer::Status(status, ..) => status.starts_with('2'),
        Answer::Raw(bytes) => bytes.starts_with(b"HTTP/1.1 2"),
        Answer::Reset(_) | Answer::Nothing => false,
    };
    // First: who has the answer may ask for the request.
    state.inbox.put(message, head, is_success);
    reply(&stream, answer, state)
}

fn reply(mut stream: &TcpStream, answer: Answer, state: &State) -> io::Result<()> {
    const END: &str = "connection: close\r\n\r\n";
    match answer {
        Answer::Taken => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{END}"),
        Answer::Slow(delay) => {
            thread::sleep(delay);
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{END}")
        }
        Answer::Status(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status}\r\n")?;
            for header in headers {
                write!(stream, "{header}\r\n")?;
            }
            write!(stream, "content-length: {}\r\n{END}", body.len())?;
            stream.write_all(&body)
        }
        Answer::Raw(bytes) => stream.write_all(&bytes),
        Answer::Endless => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n";
            write!(stream, "{head}transfer-encoding: chunked\r\n{END}")?;
            let chunk = [b"10000\r\n", &[0; 0x10000][..], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
                state.sent.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
        Answer::Reset(_) | Answer::Nothing => Ok(()),
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
