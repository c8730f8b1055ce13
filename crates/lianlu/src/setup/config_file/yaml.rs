//! Reads YAML into a tree, with environment variables put in.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::substitution::substitute;

/// Deeper files are refused.
const MAX_DEPTH: usize = 64;
/// Larger trees are refused, such as those of nested aliases.
const MAX_NODES: usize = 100_000;

/// A value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Parses the first document. `variable` looks up environment variables.
pub(super) fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Node, String> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        variable,
        line: 1,
        anchors: Vec::new(),
        nodes: 0,
    };
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok(Node::Null),
            Event::DocumentStart(_) => {
                let event = reader.next()?;
                return reader.node(event, 0);
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// The line of the last event.
    line: usize,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    /// A problem of the last event, without the file's text.
    fn problem(&self, problem: &str) -> String {
        format!("line {}: {problem}", self.line)
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, String> {
        self.count(1)?;
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let (anchor, node) = match event {
            Event::Alias(anchor) => {
                let known = self.anchors.iter().find(|(id, _)| *id == anchor);
                let node = known.map(|(_, node)| node.clone());
                let node = node.ok_or("an alias refers to a value that is not complete")?;
                self.count(size(&node))?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = substitute(&text, self.variable);
                let value = value.map_err(|problem| self.problem(problem))?;
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let node = match style {
                    ScalarStyle::Plain if !is_text => resolve(&value),
                    _ => Node::Text(value),
                };
                (anchor, node)
            }
            Event::SequenceStart(anchor, _) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => list.push(self.node(event, depth + 1)?),
                    }
                }
                (anchor, Node::List(list))
            }
            Event::MappingStart(anchor, _) => {
                let mut map: Vec<(String, Node)> = Vec::new();
                loop {
                    // Variables are not put into keys.
                    let key = match self.next()? {
                        Event::MappingEnd => break,
                        Event::Scalar(key, ..) => key.into_owned(),
                        _ => return Err(self.problem("a key that is not a text")),
                    };
                    if map.iter().any(|(known, _)| *known == key) {
                        return Err(self.problem("a key is there twice"));
                    }
                    let event = self.next()?;
                    map.push((key, self.node(event, depth + 1)?));
                }
                (anchor, Node::Map(map))
            }
            _ => return Err("the document ends too early".to_owned()),
        };
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes += nodes;
        match self.nodes > MAX_NODES {
            true => Err(format!("more than {MAX_NODES} values")),
            false => Ok(()),
        }
    }
}

fn size(node: &Node) -> usize {
    match node {
        Node::List(list) => list.iter().map(size).sum::<usize>() + 1,
        Node::Map(map) => map.iter().map(|(_, node)| size(node)).sum::<usize>() + 1,
        _ => 1,
    }
}

/// The value of a plain scalar, by YAML's core schema.
fn resolve(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return Node::Bool(true),
        "false" | "False" | "FALSE" => return Node::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" => return Node::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Node::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Node::Float(f64::NAN),
        _ => {}
    }
    let radix = |prefix, radix| i64::from_str_radix(text.strip_prefix(prefix)?, radix).ok();
    let int = text
        .parse()
        .ok()
        .or_else(|| radix("0x", 16))
        .or_else(|| radix("0o", 8));
    let is_number = |text: &str| text.bytes().all(|it| b"0123456789+-.eE".contains(&it));
    match (int, text.parse()) {
        (Some(int), _) => Node::Int(int),
        (None, Ok(float)) if is_number(text) => Node::Float(float),
        _ => Node::Text(text.to_owned()),
    }
}
