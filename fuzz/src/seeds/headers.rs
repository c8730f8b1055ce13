//! Header values, and maps of headers.

use super::Seed;

/// Examples of the specifications and edge cases, one on each line.
const TRACEPARENT: &str = "\
00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03
cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like
ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
00-00000000000000000000000000000000-00f067aa0ba902b7-01
00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01";

const TRACESTATE: &str = "\
rojo=00f067aa0ba902b7,congo=t61rcWkgMzE
foo=1 , ,\tbar=2,foo=3
fw529a3039@dt=FfAA;x,0a@b-c_d*e/f=  padded";

const BAGGAGE: &str = "\
userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false
key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue
a=%,b=%zz,c=%ff,=d,e,f=g=h,i=\"j\"";

const B3: &str = "\
80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
64fe8b2a57d3eff7-e457b5a2e4d86bd1
80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d
0";

const B3_LINES: &str = "\
80f198ee56343ba864fe8b2a57d3eff7
e457b5a2e4d86bd1
05e3ac9a4f6e3b90
true
1";

const JAEGER: &str = "\
4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1
a3ce929d0e0e4736%3Af067aa0ba902b7%3a0%3A3
acme%20corp
%
%E9%93%BE%ff%zz";

const XRAY: &str = "\
Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1
Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678; Sampled=?
Root=1-5759e988-bd862e3fe1be46a994272793;Root=1-5759e988-bd862e3fe1be46a994272793";

/// For the target `headers`: lines of values.
pub(super) fn values() -> Vec<Seed> {
    vec![
        Seed::new("traceparent", TRACEPARENT),
        Seed::new("tracestate", TRACESTATE),
        Seed::new(
            "tracestate-33-members",
            members(33, "\n", |at| format!("k{at}=v")),
        ),
        Seed::new("tracestate-long-not-utf8", b"a=1,b=\xff,".repeat(400)),
        Seed::new("baggage", BAGGAGE),
        Seed::new(
            "baggage-65-members",
            members(65, ",", |at| format!("k{at}=v")),
        ),
        Seed::new("baggage-10k-members-in-500-lines", ten_thousand()),
        Seed::new(
            "baggage-one-byte-too-long",
            format!("a={},b=1", "v".repeat(8187)),
        ),
        Seed::new("b3", B3),
        Seed::new("b3-lines", B3_LINES),
        Seed::new("jaeger", JAEGER),
        Seed::new("xray", XRAY),
        Seed::new(
            "nul",
            b"00-\0bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\na=\0,b=1",
        ),
        Seed::new("not-utf8", b"a=1,b=\xff,c=2\n\xc3=1\na=%c3;\xe9=\xbe"),
    ]
}

/// For the target `propagation`: lines of name and value.
pub(super) fn maps() -> Vec<Seed> {
    let lines = |name: &str, values: &str| {
        let lines: Vec<_> = values
            .lines()
            .map(|value| format!("{name}: {value}"))
            .collect();
        lines.join("\n")
    };
    let first = |values: &'static str| values.lines().next().unwrap_or_default();
    let all = [
        lines("traceparent", first(TRACEPARENT)),
        lines("tracestate", TRACESTATE),
        lines("baggage", BAGGAGE),
        lines("b3", first(B3)),
        lines("uber-trace-id", first(JAEGER)),
        "uberctx-Tenant: acme%20corp\nuberctx-: 1\nuberctx-user: \u{94fe}".to_owned(),
        lines("x-amzn-trace-id", first(XRAY)),
        "x-md-service-name: shop".to_owned(),
    ];
    let names = ["traceid", "spanid", "parentspanid", "sampled", "flags"];
    let b3_lines: Vec<_> = names
        .iter()
        .zip(B3_LINES.lines())
        .map(|(name, value)| format!("x-b3-{name}: {value}"))
        .collect();
    vec![
        Seed::new("all", all.join("\n")),
        Seed::new("traceparent-twice", lines("traceparent", TRACEPARENT)),
        Seed::new(
            "tracestate-that-the-api-refuses",
            "traceparent: cc-12345678901234567890123456789012-1234567890123456-03-future\ntracestate: a@b@c=1,d=2",
        ),
        Seed::new(
            "traceparent-later-not-ascii",
            b"traceparent: cc-12345678901234567890123456789012-1234567890123456-03-\xeb",
        ),
        Seed::new("b3-lines", b3_lines.join("\n")),
        Seed::new(
            "baggage-10k-members-in-500-lines",
            lines("baggage", &ten_thousand()),
        ),
        Seed::new(
            "uberctx-100-entries",
            members(100, "\n", |at| {
                format!("uberctx-k{at}: {}", "v".repeat(at * 3))
            }),
        ),
        Seed::new(
            "percent-grows",
            format!(
                "baggage: a={}\nuberctx-a: {}",
                "%".repeat(4000),
                "%".repeat(4000)
            ),
        ),
        Seed::new(
            "debug",
            "uber-trace-id: a3ce929d0e0e4736%3Af067aa0ba902b7%3a0%3A3\nx-md-service-name: \t\u{7f}",
        ),
    ]
}

fn members(count: usize, separator: &str, member: impl Fn(usize) -> String) -> String {
    (0..count).map(member).collect::<Vec<_>>().join(separator)
}

/// Row 38 of the fault matrix.
fn ten_thousand() -> String {
    let line = members(20, ",", |_| "k=v".to_owned());
    members(500, "\n", |_| line.clone())
}
