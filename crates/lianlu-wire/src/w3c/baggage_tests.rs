use super::*;

fn parse(lines: &[&str]) -> Vec<(String, String, String)> {
    parse_baggage(lines.iter().map(|line| line.as_bytes()))
        .map(|member| {
            (
                member.key.into(),
                member.value.into(),
                member.properties.into(),
            )
        })
        .collect()
}

fn keys(lines: &[&str]) -> Vec<String> {
    parse(lines).into_iter().map(|(key, ..)| key).collect()
}

#[test]
fn well_formed() {
    for (line, key, value, properties) in [
        ("tenant=acme%20corp", "tenant", "acme corp", ""),
        ("userId =   alice", "userId", "alice", ""),
        ("k=", "k", "", ""),
        ("k=a=b==", "k", "a=b==", ""),
        ("k=%", "k", "%", ""),
        ("k=%ff", "k", "\u{fffd}", ""),
        ("k%41=v", "k%41", "v", ""),
        ("k=v;p", "k", "v", "p"),
        ("k=v ; p = 1 ;q", "k", "v", "p = 1 ;q"),
        ("k=v;", "k", "v", ""),
    ] {
        assert_eq!(
            parse(&[line]),
            [(key.into(), value.into(), properties.into())],
            "{line}"
        );
    }
}

#[test]
fn malformed_members_are_skipped() {
    for bad in [
        "k", "=v", "k e=v", "k=a b", "k=\"v\"", "k=a\\b", "k=é", "é=v", "k=v;=1", "k=v;p q",
        "k=v;;p", ";", "k;=v",
    ] {
        assert_eq!(
            keys(&[&format!("first=1,{bad},,last=2")]),
            ["first", "last"],
            "{bad}"
        );
    }
}

#[test]
fn lines_are_joined_and_duplicates_kept_in_order() {
    assert_eq!(keys(&["a=1,b=2", "", "a=3"]), ["a", "b", "a"]);
}

#[test]
fn at_most_64_members_over_all_lines() {
    let lines: Vec<String> = (0..40).map(|i| format!("a{i}=1,,b{i}=2")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let found = keys(&lines);
    assert_eq!(found.len(), 64);
    assert_eq!(found[63], "b31");
    // Malformed members count towards the limit: it applies before parsing.
    let junk = "x,".repeat(63);
    assert_eq!(keys(&[&junk, "a=1,b=2"]), ["a"]);
}

#[test]
fn at_most_8192_bytes_over_all_lines() {
    let first = format!("a={}", "v".repeat(4094));
    let fits = format!("b={}", "v".repeat(8192 - 4096 - 1 - 2));
    let over = format!("{fits}v");
    assert_eq!(keys(&[&first, &fits]), ["a", "b"]);
    assert_eq!(keys(&[&first, &fits, "c=1"]), ["a", "b"]);
    assert_eq!(keys(&[&format!("{first},{fits}")]), ["a", "b"]);
    // A member that does not fit ends the list, even if a later one would fit.
    assert_eq!(keys(&[&first, &over, "c=1"]), ["a"]);
    assert_eq!(keys(&[&format!("{first},{over},c=1")]), ["a"]);
    assert_eq!(keys(&[&"v".repeat(1 << 20)]), Vec::<String>::new());
}

#[test]
fn work_stops_at_the_limit() {
    let mut taken = 0;
    let lines = std::iter::repeat_with(|| {
        taken += 1;
        &b""[..]
    });
    assert_eq!(parse_baggage(lines.take(1_000_000)).count(), 0);
    assert!(taken <= BAGGAGE_MAX_BYTES, "{taken} lines taken");
}

#[test]
fn yields_nothing_after_the_limit() {
    let mut members = parse_baggage([&b"a=1"[..], &[b'v'; 9000], b"b=2"]);
    assert_eq!(members.by_ref().count(), 1);
    assert_eq!(members.next(), None);
}
