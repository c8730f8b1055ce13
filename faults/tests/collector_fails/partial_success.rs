//! OTLP's partial success: rejected spans are counted, the request is not sent again, and a warning is said once.

use lianlu_faults::{Answer, Grpc, Http, Row, Service, grpc, undisturbed_by};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

#[test]
fn over_http() {
    let mut row = Row::new("partial success over HTTP");
    let collector = Http::start();
    collector.script(|number| answer(number, |message| http(&message)));
    let service = Service::new(&collector.url());
    check(service, || collector.inbox().requests().len(), &mut row);
    row.print();
}

#[test]
fn requests_go_on_over_http() {
    let mut row = Row::new("partial success over HTTP, requests");
    let collector = Http::start();
    let service = Service::new(&collector.url());
    let (taken, partly) = (
        || collector.always(Answer::Accepted),
        || collector.always(http(&grpc::partial(7, "seven were too old"))),
    );
    requests_go_on(service, taken, partly, &mut row);
    row.print();
}

#[test]
fn requests_go_on_over_grpc() {
    let mut row = Row::new("partial success over gRPC, requests");
    let collector = Grpc::start();
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    let (taken, partly) = (
        || collector.script(|_| grpc::accepted()),
        || collector.script(|_| Ok(grpc::partial(7, "seven were too old"))),
    );
    requests_go_on(service, taken, partly, &mut row);
    row.print();
}

#[test]
fn over_grpc() {
    let mut row = Row::new("partial success over gRPC");
    let collector = Grpc::start();
    collector.script(|number| answer(number, Ok));
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    check(service, || collector.inbox().requests().len(), &mut row);
    row.print();
}

fn http(message: &ExportTraceServiceResponse) -> Answer {
    let header = "content-type: application/x-protobuf".to_owned();
    Answer::Status("200 OK", vec![header], message.encode_to_vec())
}

/// Some are rejected in the first request, none with a warning in the next two, and nothing is said afterwards.
fn answer<T>(number: usize, make: impl Fn(ExportTraceServiceResponse) -> T) -> T {
    make(match number {
        0 => grpc::partial(7, "seven were too old"),
        1 | 2 => grpc::partial(0, "slow down a little"),
        _ => Default::default(),
    })
}

fn check(service: Service, requests: impl Fn() -> usize, row: &mut Row) {
    let mut child = service.set("delay-ms", 10_000).start();
    child.must("spans 100");
    let said = child.try_flush();
    assert!(said.contains("7 span(s) lost"), "{said}");
    for _ in 0..3 {
        child.must("spans 100");
        child.flush();
    }
    assert_eq!(requests(), 4);
    let counts = child.counts();
    assert_eq!(counts.exported, 393, "{counts:?}");
    assert_eq!(counts.dropped_by("export_failed"), 7, "{counts:?}");
    child.wait_for_stderr("slow down a little", 1);
    let said = child.stderr();
    assert_eq!(said.matches("seven were too old").count(), 1, "{said}");
    assert_eq!(said.matches("slow down a little").count(), 1, "{said}");
    row.run(&counts);
}

fn requests_go_on(service: Service, taken: impl Fn(), partly: impl Fn(), row: &mut Row) {
    let mut child = service.start();
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            taken();
            child.try_flush();
        },
        |_| partly(),
        |child| child.counts().dropped_by("export_failed"),
    ));
    child.try_flush();
    row.run(&child.counts());
}
