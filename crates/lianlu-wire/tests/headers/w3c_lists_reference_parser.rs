//! Compares `tracestate` and `baggage` with a reference parser that follows the grammar without
//! optimisation.

use lianlu_wire::w3c::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

type Pairs = Vec<(String, String)>;

fn tracestate(lines: &[Vec<u8>]) -> Result<Pairs, TraceStateError> {
    let is_key = |key: &[u8]| {
        (1..=256).contains(&key.len())
            && key[0].is_ascii_alphanumeric()
            && key.iter().all(|byte| {
                byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"_-*/@".contains(byte)
            })
    };
    let is_value = |value: &[u8]| {
        (1..=256).contains(&value.len())
            && value.last() != Some(&b' ')
            && value
                .iter()
                .all(|byte| (*byte == b' ' || byte.is_ascii_graphic()) && !b",=".contains(byte))
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut members: Pairs = Vec::new();
    let raw = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b','));
    let raw = raw.map(trim).filter(|raw| !raw.is_empty());
    for (member, raw) in raw.enumerate() {
        if member == 32 {
            return Err(TraceStateError::TooManyMembers);
        }
        let (key, value) = split_once(raw, b'=').ok_or(TraceStateError::NoEquals { member })?;
        if !is_key(key) {
            return Err(TraceStateError::Key { member });
        }
        if !is_value(value) {
            return Err(TraceStateError::Value { member });
        }
        if !members.iter().any(|(earlier, _)| *earlier == text(key)) {
            members.push((text(key), text(value)));
        }
    }
    Ok(members)
}

/// Without percent-encoding, which is tested separately.
fn baggage(lines: &[Vec<u8>]) -> Vec<(String, String, String)> {
    let is_token = |token: &[u8]| {
        !token.is_empty()
            && token
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
    };
    let is_value = |value: &[u8]| {
        value
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte))
    };
    let is_property = |property: &[u8]| match split_once(property, b'=') {
        Some((key, value)) => is_token(trim(key)) && is_value(trim(value)),
        None => is_token(trim(property)),
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let raw = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b','));
    let raw = raw.map(trim).filter(|raw| !raw.is_empty()).take(64);
    raw.filter_map(|raw| {
        let (pair, properties) = split_once(raw, b';').unwrap_or((raw, b""));
        let (key, value) = split_once(pair, b'=')?;
        let (key, value, properties) = (trim(key), trim(value), trim(properties));
        let is_member = is_token(key)
            && is_value(value)
            && (properties.is_empty() || properties.split(|byte| *byte == b';').all(is_property));
        is_member.then(|| (text(key), text(value), text(properties)))
    })
    .collect()
}

/// Lists, most of them well-formed or nearly so.
fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let syntax = prop::sample::select(b"az09AF-_@*/=,;: \t\"\\\x7f\x1f~!\xc3\xff".to_vec());
    let piece = prop_oneof![
        8 => "[a-z0-9_*/@-]{1,6}=[ -~&&[^%,=]]{0,9}".prop_map(String::into_bytes),
        2 => "[ \t]{0,2}[a-z0-9]{1,3}[ \t]{0,2}=[ \t]{0,2}[a-z]{0,3}[ \t]{0,2}".prop_map(String::into_bytes),
        2 => "[ \t]{0,4}[a-z](=[a-z]{0,2}){1,4}".prop_map(String::into_bytes),
        1 => "a=b;c(=d)?".prop_map(String::into_bytes),
        1 => (prop::sample::select(vec![255, 256, 257]), prop::sample::select(vec![255, 256, 257]))
            .prop_map(|(key, value)| [&vec![b'k'; key][..], b"=", &vec![b'v'; value]].concat()),
        2 => vec(syntax, 0..5),
    ];
    let line = prop_oneof![
        6 => vec(piece.clone(), 0..5),
        1 => vec(Just(b"k=v".to_vec()), 30..66),
    ];
    vec(line.prop_map(|pieces| pieces.join(&b","[..])), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn lists(lines in lines()) {
        let slices = || lines.iter().map(Vec::as_slice);
        let found = parse_tracestate(slices()).map(|members| {
            members.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        });
        prop_assert_eq!(found, tracestate(&lines));

        let found: Vec<_> = parse_baggage(slices())
            .map(|member| (member.key.to_owned(), member.value.into_owned(), member.properties.to_owned()))
            .collect();
        prop_assert_eq!(found, baggage(&lines));
    }
}
