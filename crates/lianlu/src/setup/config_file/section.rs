//! Access to the tree, with the path of each value for messages.

use std::cell::RefCell;

use super::yaml::Node;

/// What is wrong with a value of the file: its path, and the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) problem: String,
}

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// What is valid but not supported, and left out.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<Problem>>);

impl Notes {
    pub(super) fn add(&self, path: impl Into<String>, problem: impl Into<String>) {
        self.0.borrow_mut().push(Problem {
            path: path.into(),
            problem: problem.into(),
        });
    }

    pub(super) fn into_inner(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A value and its path.
#[derive(Debug)]
pub(super) struct Value<'n> {
    pub(super) path: String,
    pub(super) node: Node,
    notes: &'n Notes,
}

/// A mapping whose entries are taken one by one.
#[derive(Debug)]
pub(super) struct Section<'n> {
    pub(super) path: String,
    entries: Vec<(String, Node)>,
    notes: &'n Notes,
}

impl<'n> Value<'n> {
    pub(super) fn root(node: Node, notes: &'n Notes) -> Self {
        let path = String::new();
        Self { path, node, notes }
    }

    pub(super) fn problem<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(Problem {
            path: self.path.clone(),
            problem: problem.into(),
        })
    }

    /// Says that this value is left out.
    pub(super) fn unsupported(&self, why: &str) {
        self.notes.add(&*self.path, why);
    }

    /// A mapping; one without a value is empty.
    pub(super) fn section(self) -> Result<Section<'n>> {
        let entries = match self.node {
            Node::Map(entries) => entries,
            Node::Null => Vec::new(),
            _ => return self.problem("needs a mapping"),
        };
        Ok(Section {
            path: self.path,
            entries,
            notes: self.notes,
        })
    }

    pub(super) fn list(self) -> Result<Vec<Value<'n>>> {
        let list = match self.node {
            Node::List(list) => list,
            Node::Null => Vec::new(),
            _ => return self.problem("needs a list"),
        };
        let values = list.into_iter().enumerate();
        let values = values.map(|(at, node)| Value {
            path: format!("{}[{at}]", self.path),
            node,
            notes: self.notes,
        });
        Ok(values.collect())
    }

    /// The only entry of a mapping, which selects one of several kinds.
    pub(super) fn choice(self) -> Result<(String, Value<'n>)> {
        let path = self.path.clone();
        let mut section = self.section()?;
        match &section.entries[..] {
            [(kind, _)] => {
                let kind = kind.clone();
                let value = section.take(&kind);
                match value {
                    Some(value) => Ok((kind, value)),
                    None => Ok((
                        kind.clone(),
                        Value {
                            path: section.path_of(&kind),
                            node: Node::Null,
                            notes: section.notes,
                        },
                    )),
                }
            }
            entries => Err(Problem {
                path,
                problem: format!("needs one key, has {}", entries.len()),
            }),
        }
    }

    pub(super) fn text(self) -> Result<String> {
        match self.node {
            Node::Text(text) => Ok(text),
            _ => self.problem("needs a text"),
        }
    }

    pub(super) fn bool(self) -> Result<bool> {
        match self.node {
            Node::Bool(value) => Ok(value),
            _ => self.problem("needs true or false"),
        }
    }

    pub(super) fn number(self) -> Result<u64> {
        match self.node {
            Node::Int(number) if number >= 0 => Ok(number.unsigned_abs()),
            _ => self.problem("needs a whole number, 0 or more"),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn ratio(self) -> Result<f64> {
        let ratio = match self.node {
            Node::Int(number) => number as f64,
            Node::Float(number) => number,
            _ => return self.problem("needs a number"),
        };
        match (0.0..=1.0).contains(&ratio) {
            true => Ok(ratio),
            false => self.problem("needs a number from 0 to 1"),
        }
    }

    pub(super) fn texts(self) -> Result<Vec<String>> {
        self.list()?.into_iter().map(Value::text).collect()
    }
}

impl<'n> Section<'n> {
    pub(super) fn path_of(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    /// Takes an entry; `None` if it is absent or has no value.
    pub(super) fn take(&mut self, key: &str) -> Option<Value<'n>> {
        self.take_present(key)
            .filter(|value| value.node != Node::Null)
    }

    /// Takes an entry, also one without a value.
    pub(super) fn take_present(&mut self, key: &str) -> Option<Value<'n>> {
        let at = self.entries.iter().position(|(known, _)| known == key)?;
        let path = self.path_of(key);
        let (_, node) = self.entries.remove(at);
        let notes = self.notes;
        Some(Value { path, node, notes })
    }

    /// Takes an entry that is present without a value.
    pub(super) fn take_null(&mut self, key: &str) -> Option<Value<'n>> {
        let is_null = |(known, node): &(String, Node)| known == key && *node == Node::Null;
        match self.entries.iter().any(is_null) {
            true => self.take_present(key),
            false => None,
        }
    }

    /// Takes an entry and reads it.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value<'n>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.take(key).map(read).transpose()
    }

    /// Takes an entry that must be there.
    pub(super) fn needs<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value<'n>) -> Result<T>,
    ) -> Result<T> {
        match self.take(key) {
            Some(value) => read(value),
            None => Err(Problem {
                path: self.path_of(key),
                problem: "is missing".to_owned(),
            }),
        }
    }

    /// Says that an entry is left out, if it is there.
    pub(super) fn unsupported(&mut self, key: &str, why: &str) {
        if let Some(value) = self.take(key) {
            value.unsupported(why);
        }
    }

    /// Says that something is left out.
    pub(super) fn note(&self, path: String, why: &str) {
        self.notes.add(path, why);
    }

    /// Takes an entry that other programs use.
    pub(super) fn ignore(&mut self, key: &str) {
        let _ = self.take_present(key);
    }

    /// Says which entries were not read.
    pub(super) fn finish(self) {
        for (key, _) in &self.entries {
            self.notes.add(self.path_of(key), "is not supported");
        }
    }
}
