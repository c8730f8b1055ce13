//! The suite's side: sends requests to the service, and receives its calls.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// The ids of the caller's trace.
pub const TRACE: &str = "12345678901234567890123456789012";
pub const PARENT: &str = "1234567890123456";

/// Makes a hang a failure.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A service under test, and a server that it can call.
pub struct Suite {
    service: Child,
    pub address: SocketAddr,
    callback: SocketAddr,
    seen: Receiver<Message>,
}

/// A request or a response.
#[derive(Debug, Default)]
pub struct Message {
    pub first_line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Suite {
    pub fn start() -> Self {
        // As in the layers' own tests.
        let provider = std::env::var("LIANLU_TEST_PROVIDER").unwrap_or("lianlu".to_owned());
        let mut service = Command::new(env!("CARGO_BIN_EXE_w3c-harness"))
            .args(["--port", "0", "--provider", &provider])
            // Must have no effect.
            .env("OTEL_PROPAGATORS", "none")
            .env("OTEL_TRACES_SAMPLER", "always_off")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(service.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        let address = address.strip_suffix("/test").unwrap().parse().unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let callback = listener.local_addr().unwrap();
        let (calls, seen) = mpsc::channel();
        std::thread::spawn(move || take_calls(&listener, &calls));
        Self {
            service,
            address,
            callback,
            seen,
        }
    }

    /// Sends `body` with these header lines, unchanged. Returns the response.
    pub fn post(&self, headers: &[(&str, &str)], body: &str) -> Message {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut request = format!(
            "POST /test HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request += &format!("{name}:{value}\r\n");
        }
        request += "\r\n";
        request += body;
        stream.write_all(request.as_bytes()).unwrap();
        read(&mut BufReader::new(stream))
    }

    /// Sends a request with these header lines, in which the service makes `count` calls.
    pub fn calls(&self, headers: &[(&str, &str)], count: usize) -> Vec<Sent> {
        let entry = |number| {
            format!(
                r#"{{"url":"http://{}/{number}","arguments":[{number}]}}"#,
                self.callback
            )
        };
        let list: Vec<_> = (0..count).map(entry).collect();
        let answer = self.post(headers, &format!("[{}]", list.join(",")));
        assert!(answer.first_line.contains(" 200 "), "{answer:?}");
        let calls: Vec<_> = self.seen.try_iter().collect();
        assert_eq!(calls.len(), count);
        for (number, call) in calls.iter().enumerate() {
            assert_eq!(call.first_line, format!("POST /{number} HTTP/1.1"));
            assert_eq!(call.body, format!("[{number}]"));
        }
        calls.iter().map(Sent::of).collect()
    }

    /// Sends a request in which the service makes one call.
    pub fn call(&self, headers: &[(&str, &str)]) -> Sent {
        self.calls(headers, 1).remove(0)
    }

    /// Sends a request in the caller's trace, with these lines of `tracestate`. Returns the
    /// `tracestate` of the service's call.
    pub fn state(&self, lines: &[&str]) -> String {
        let traceparent = format!("00-{TRACE}-{PARENT}-00");
        let mut headers = vec![("traceparent", traceparent.as_str())];
        headers.extend(lines.iter().map(|line| ("tracestate", *line)));
        let sent = self.call(&headers);
        assert_eq!(
            sent.trace_id, TRACE,
            "a bad tracestate must not affect the trace"
        );
        sent.tracestate
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.service.kill().unwrap();
        self.service.wait().unwrap();
    }
}

/// The trace context of a call.
#[derive(Debug)]
pub struct Sent {
    pub trace_id: String,
    pub parent_id: String,
    pub flags: u8,
    /// Empty without the header; the header must not be empty.
    pub tracestate: String,
}

impl Sent {
    fn of(call: &Message) -> Self {
        let values = |name: &str| -> Vec<&str> {
            let lines = call
                .headers
                .iter()
                .filter(|(found, _)| found.eq_ignore_ascii_case(name));
            lines.map(|(_, value)| value.as_str()).collect()
        };
        let [traceparent] = values("traceparent")[..] else {
            panic!("not one traceparent: {call:?}")
        };
        let ["00", trace_id, parent_id, flags] = traceparent.split('-').collect::<Vec<_>>()[..]
        else {
            panic!("{traceparent}")
        };
        for (field, length) in [(trace_id, 32), (parent_id, 16), (flags, 2)] {
            assert_eq!(field.len(), length, "{traceparent}");
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            assert!(field.bytes().all(is_digit), "{traceparent}");
        }
        assert!(trace_id.contains(|digit| digit != '0'), "{traceparent}");
        assert!(parent_id.contains(|digit| digit != '0'), "{traceparent}");
        let tracestate = match values("tracestate")[..] {
            [] => "",
            [line] => line,
            _ => panic!("more than one tracestate: {call:?}"),
        };
        assert!(
            tracestate.is_empty() == values("tracestate").is_empty(),
            "an empty tracestate"
        );
        Self {
            trace_id: trace_id.to_owned(),
            parent_id: parent_id.to_owned(),
            flags: u8::from_str_radix(flags, 16).unwrap(),
            tracestate: tracestate.to_owned(),
        }
    }
}

/// Answers each call, after sending it to `calls`.
fn take_calls(listener: &TcpListener, calls: &Sender<Message>) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let call = read(&mut BufReader::new(&mut stream));
        if calls.send(call).is_err() {
            return;
        }
        let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull";
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn read(from: &mut impl BufRead) -> Message {
    let mut line = || {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    let mut message = Message {
        first_line: line(),
        ..Message::default()
    };
    loop {
        let line = line();
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        message
            .headers
            .push((name.to_owned(), value.trim_matches(' ').to_owned()));
    }
    let length = message
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    from.take(length).read_to_string(&mut message.body).unwrap();
    message
}
