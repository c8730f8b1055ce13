//! Records of the `log` crate have the ids of the call that writes them.

use std::sync::Mutex;

use log::kv::{self, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::common::http as net;
use crate::common::traces::Traces;
use crate::own_process::is_alone;

/// The message and the key values of each record.
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Seen;

struct Pairs(String);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}

impl Log for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info && metadata.target() == module_path!()
    }

    fn log(&self, record: &Record<'_>) {
        assert!(self.enabled(record.metadata()));
        let mut pairs = Pairs(record.args().to_string());
        let all = record.key_values();
        all.visit(&mut pairs).unwrap();
        assert_eq!(all.count(), pairs.0.matches('=').count());
        for key in ["trace_id", "span_id", "trace_flags", "order"] {
            let got = all
                .get(Key::from(key))
                .map(|value| format!(" {key}={value}"));
            let visited = pairs.0.contains(&format!(" {key}="));
            assert_eq!(got.is_some(), visited);
            assert!(got.is_none_or(|pair| pairs.0.contains(&pair)));
        }
        SEEN.lock().unwrap().push(pairs.0);
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn records_in_a_handler_have_its_ids_and_others_none() {
    if !is_alone(&this_test!()) {
        return;
    }
    log::set_boxed_logger(Box::new(lianlu::logs::logger(Seen))).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let traces = Traces::default();
    let address = net::serve_root(traces.server(), async || {
        log::info!(order = 7; "paid");
        tokio::task::yield_now().await;
        log::info!("sent");
        log::info!(span_id = "mine"; "by hand");
        log::debug!("below the level");
    })
    .await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_11);
    net::read(net::get(&client, address, "/").await.unwrap())
        .await
        .unwrap();
    log::info!(order = 8; "outside");
    let (_, server) = traces.pair().await;
    let trace_id = format!("trace_id={}", server.span_context.trace_id());
    let span_id = format!("span_id={}", server.span_context.span_id());
    let flags = format!("trace_flags={:02x}", server.span_context.trace_flags());
    assert_eq!(
        *SEEN.lock().unwrap(),
        [
            format!("paid order=7 {trace_id} {span_id} {flags}"),
            format!("sent {trace_id} {span_id} {flags}"),
            format!("by hand span_id=mine {trace_id} {flags}"),
            "outside order=8".to_owned(),
        ]
    );
}
