//! OTLP's partial success: rejected spans are counted, the request is not sent again, and a warning is reported once.

use lianlu_faults::{Answer, BATCH, Gate, Grpc, Http, Row, Service, grpc, requests_complete_while};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

#[test]
fn over_http() {
    let mut row = Row::new("partial success over HTTP");
    let collector = Http::start();
    collector.script(|number| answer(number, |message| http(&message)));
    let service = Service::new(&collector.url());
    check(
        service,
        collector.gate(),
        || collector.inbox().count(),
        &mut row,
    );
    row.print();
}

#[test]
fn over_grpc() {
    let mut row = Row::new("partial success over gRPC");
    let collector = Grpc::start();
    collector.script(|number| answer(number, Ok));
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    check(
        service,
        collector.gate(),
        || collector.inbox().count(),
        &mut row,
    );
    row.print();
}

fn http(message: &ExportTraceServiceResponse) -> Answer {
    let header = "content-type: application/x-protobuf".to_owned();
    Answer::Status("200 OK", vec![header], message.encode_to_vec())
}

/// Rejects seven spans of the first and of the fifth request, warns without rejected spans in the second and the third, and
/// accepts the others.
fn answer<T>(number: usize, make: impl Fn(ExportTraceServiceResponse) -> T) -> T {
    make(match number {
        0 => grpc::partial(7, "seven were too old"),
        1 | 2 => grpc::partial(0, "slow down a little"),
        4 => grpc::partial(7, "seven more were too old"),
        _ => Default::default(),
    })
}

fn check(service: Service, gate: &Gate, requests: impl Fn() -> u64, row: &mut Row) {
    let mut child = service.set("delay-ms", 3_600_000).start();
    child.must("spans 100");
    let answer = child.try_flush();
    assert!(answer.contains("7 span(s) lost"), "{answer}");
    for _ in 0..3 {
        child.must("spans 100");
        child.flush();
    }
    assert_eq!(requests(), 4);
    let counts = child.counts();
    assert_eq!(counts.exported, 393, "{counts:?}");
    assert_eq!(counts.dropped_by("export_failed"), 7, "{counts:?}");
    child.wait_for_stderr("slow down a little", 1);
    let stderr = child.stderr();
    assert_eq!(stderr.matches("seven were too old").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("slow down a little").count(), 1, "{stderr}");

    // While the answer with rejected spans is held back.
    gate.close();
    child.must(&format!("spans {BATCH}"));
    gate.wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| gate.held() == 1));
    gate.open();
    child.try_flush();
    let counts = child.counts();
    assert_eq!(counts.dropped_by("export_failed"), 14, "{counts:?}");
    row.run(&counts);
}
