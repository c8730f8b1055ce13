//! Sequences of calls, and the shortest one that still shows something.

use crate::call::{CHOICES, Call, Field};
use crate::dice::Dice;
use crate::layers::MOST;
use crate::run::{Way, seen};

/// What is told to each of the layers, and the calls.
#[derive(Debug, Clone)]
pub struct Sequence {
    pub is_client: bool,
    pub sampler: u8,
    pub layers: [[usize; 2]; 3],
    pub calls: Vec<Call>,
}

fn mutate(call: &mut Call, dice: &mut Dice) {
    let field = Field::ALL[dice.below(Field::ALL.len())];
    call.choices[field as usize] = u8::try_from(dice.below(CHOICES)).unwrap();
}

impl Sequence {
    /// That of a seed: few calls that come again and again, and differ in little.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut first = Call::usual(dice.once_in(2));
        for _ in 0..dice.below(5) {
            mutate(&mut first, &mut dice);
        }
        let mut known = vec![first];
        for _ in 0..=dice.below(3) {
            let mut other = first;
            for _ in 0..=dice.below(2) {
                mutate(&mut other, &mut dice);
            }
            known.push(other);
        }
        let count = 4 + dice.below(16);
        let mut calls: Vec<_> = (0..count).map(|_| known[dice.below(known.len())]).collect();
        if dice.once_in(2) {
            // These differ in any of few things.
            for _ in 0..=dice.below(3) {
                let field = Field::ALL[dice.below(Field::ALL.len())];
                let choices = [(); 2].map(|()| u8::try_from(dice.below(CHOICES)).unwrap());
                for call in &mut calls {
                    if dice.once_in(2) {
                        call.choices[field as usize] = choices[dice.below(2)];
                    }
                }
            }
        }
        let told = |dice: &mut Dice| {
            let one = |dice: &mut Dice| if dice.once_in(2) { dice.below(MOST) } else { 0 };
            [one(dice), one(dice)]
        };
        let mut sequence = Self {
            is_client: dice.once_in(3),
            sampler: if dice.once_in(3) {
                u8::try_from(dice.below(7)).unwrap()
            } else {
                0
            },
            layers: [told(&mut dice), told(&mut dice), told(&mut dice)],
            calls,
        };
        if dice.once_in(2) {
            sequence.layers[1] = sequence.layers[0];
        }
        sequence
    }

    /// The same without what differs by chance, or because the SDK would have it otherwise.
    fn settled(&self) -> Self {
        let mut settled = self.clone();
        for told in &mut settled.layers {
            // A call without an observer is not described, except through the API.
            if told.contains(&1) {
                told.iter_mut()
                    .filter(|it| [48, 58].contains(*it))
                    .for_each(|it| *it = 0);
            }
        }
        for call in &mut settled.calls {
            // More attributes than there is room for: the SDK drops also those that are there already.
            let handler = &mut call.choices[Field::Handler as usize];
            if *handler % 27 == 26 {
                *handler = 0;
            }
        }
        if self.sampler == 3 {
            for call in &mut settled.calls {
                if self.is_client {
                    // What is current is the parent.
                    let around = &mut call.choices[Field::Around as usize];
                    *around = 1 + *around % 4;
                } else {
                    call.within_a_known_trace();
                    call.choices[Field::Around as usize] = 0;
                }
            }
            // None of these knows whose trace it is.
            let own = [38, 43, 50, 51];
            for what in settled.layers.iter_mut().flatten() {
                if own.contains(what) {
                    *what = 0;
                }
            }
        }
        settled
    }

    /// What one way shows and another does not.
    pub fn differences(&self) -> Option<String> {
        let [templates, anew, sdk] = Way::ALL.map(|way| seen(way, self));
        let (first, ours, others) = if templates != anew {
            ("templates, anew", templates, anew)
        } else if anew != sdk {
            ("lianlu, opentelemetry_sdk", anew, sdk)
        } else {
            return None;
        };
        let count = ours.len().max(others.len());
        let nothing = String::new();
        let lines = (0..count).filter_map(|at| {
            let [ours, others] = [&ours, &others].map(|lines| lines.get(at).unwrap_or(&nothing));
            (ours != others).then(|| differing(ours, others))
        });
        let lines = lines.collect::<Vec<_>>().join("\n");
        Some(format!("{first}:\n{lines}"))
    }

    /// Hashes of what was seen by each provider, or with `LIANLU_TEST_RECORD_TEXT` the text itself.
    pub fn recorded(&self) -> String {
        let settled = self.settled();
        let ways = [Way::Templates, Way::Sdk];
        let texts = ways.map(|way| seen(way, &settled).join("\n"));
        if std::env::var_os("LIANLU_TEST_RECORD_TEXT").is_some() {
            return format!("\n{}\n======\n{}", texts[0], texts[1]);
        }
        let hash = |text: &String| {
            let bytes = text.bytes();
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        };
        let [ours, sdks] = texts.each_ref().map(hash);
        format!("{ours:016x} {sdks:016x}")
    }

    /// Whether all ways show the same, but for known differences.
    pub fn is_same(&self) -> bool {
        self.settled().differences().is_none()
    }

    /// The shortest that still differs, as text.
    pub fn shortest(&self) -> String {
        let mut shortest = self.clone();
        loop {
            let Some(shorter) = shortest.shorter().find(|it| !it.is_same()) else {
                break;
            };
            shortest = shorter;
        }
        let calls: Vec<_> = shortest
            .settled()
            .calls
            .iter()
            .map(|call| format!("{call:?} {:?}", call.request(())))
            .collect();
        format!(
            "{shortest:?}\n{}\n{}",
            calls.join("\n"),
            shortest.settled().differences().unwrap_or_default()
        )
    }

    /// Sequences that are a little shorter or more usual.
    fn shorter(&self) -> impl Iterator<Item = Self> {
        let mut all = Vec::new();
        for at in 0..self.calls.len() {
            let mut shorter = self.clone();
            shorter.calls.remove(at);
            all.push(shorter);
        }
        for at in 0..3 {
            for what in 0..2 {
                let mut shorter = self.clone();
                if std::mem::take(&mut shorter.layers[at][what]) > 0 {
                    all.push(shorter);
                }
            }
        }
        if self.sampler > 0 {
            let mut shorter = self.clone();
            shorter.sampler = 0;
            all.push(shorter);
        }
        for field in Field::ALL {
            let mut everywhere = self.clone();
            let mut changed = false;
            for at in 0..self.calls.len() {
                let mut shorter = self.clone();
                if std::mem::take(&mut shorter.calls[at].choices[field as usize]) > 0 {
                    everywhere.calls[at].choices[field as usize] = 0;
                    changed = true;
                    all.push(shorter);
                }
            }
            if changed {
                all.push(everywhere);
            }
        }
        all.into_iter()
    }
}

/// The lines that one has and the other hasn't.
fn differing(ours: &str, others: &str) -> String {
    let only = |these: &str, those: &str, mark: char| {
        let lines = these
            .lines()
            .filter(|line| !those.lines().any(|it| it == *line));
        lines
            .map(|line| format!("{mark} {line}\n"))
            .collect::<String>()
    };
    let name = ours.lines().next().unwrap_or_default();
    format!(
        "{name}\n{}{}",
        only(ours, others, '-'),
        only(others, ours, '+')
    )
}
