//! With `--keep` the shop serves requests until a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::common::{demo, spans_line};

#[test]
fn a_signal_ends_open_streams_and_exports_all_spans() {
    let mut child = demo(&["--keep", "--seconds", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let address = first.trim().rsplit('/').next().unwrap();

    let answer = get(address, "/items/teapot");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"price_cents\":4200"), "{answer}");
    let id = header(&answer, "x-trace-id: ");

    // Still running when the signal comes.
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /items/kite/prices?count=9999 HTTP/1.1\r\nhost: {address}\r\n\r\n"
    )
    .unwrap();
    let mut lines = BufReader::new(&stream).lines();
    assert!(lines.any(|line| line.unwrap().contains("price_cents")));

    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(killed.unwrap().success());
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());

    assert!(
        text.contains(&format!("curl http://{address}/items/teapot")),
        "{text}"
    );
    assert!(text.contains(&format!("trace {id}")), "{text}");
    let [started, exported, ..] = spans_line(&text);
    assert_eq!(started, exported, "{text}");
    // The interrupted stream is one trace.
    let traces = text.lines().filter(|line| line.starts_with("trace "));
    assert_eq!(traces.count(), 2, "{text}");
    assert_eq!(text.matches("cancelled").count(), 3, "{text}");
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap()
}
