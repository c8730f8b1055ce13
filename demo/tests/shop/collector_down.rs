//! Without a collector the shop runs, and the losses are counted.

use std::net::TcpListener;

use crate::common::{demo, spans_line, stderr, stdout};

#[test]
fn every_span_is_counted_as_lost() {
    // A port that was free a moment ago.
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}/api/traces");
    let output = demo(&["--seconds", "1", "--jaeger", &url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains(&url), "{text}");
    let [started, exported, dropped, waiting, open] = spans_line(&text);
    assert!(started > 0, "{text}");
    assert_eq!((exported, waiting, open), (0, 0, 0), "{text}");
    assert_eq!(dropped, started, "{text}");
    let error = stderr(&output);
    assert!(error.contains("spans are being lost"), "{error}");
    assert!(
        error.contains(&format!("{started} spans did not arrive")),
        "{error}"
    );
}
