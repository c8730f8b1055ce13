//! Compares texts line by line.

/// Panics if the texts differ.
#[track_caller]
pub(super) fn assert_same(expected: &str, actual: &str) {
    let (expected, actual) = (lines(expected), lines(actual));
    if expected != actual {
        let diff = diff(&expected, &actual);
        panic!("the spans differ (- expected, + found):\n{diff}");
    }
}

/// The lines, without empty ones at both ends and without common indentation.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines = lines
        .into_iter()
        .skip_while(|line| line.is_empty())
        .collect();
    let filled = lines.iter().filter(|line| !line.is_empty());
    let indents = filled.map(|line| line.len() - line.trim_start_matches(' ').len());
    let common = indents.min().unwrap_or_default();
    lines
        .iter()
        .map(|line| line.get(common..).unwrap_or_default())
        .collect()
}

/// The lines of both, marked, by their longest common subsequence.
fn diff(expected: &[&str], actual: &[&str]) -> String {
    let mut common = vec![vec![0; actual.len() + 1]; expected.len() + 1];
    for (i, wanted) in expected.iter().enumerate().rev() {
        for (j, found) in actual.iter().enumerate().rev() {
            common[i][j] = match wanted == found {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < expected.len() || j < actual.len() {
        let (mark, line) = if expected.get(i).is_some() && expected.get(i) == actual.get(j) {
            (i, j) = (i + 1, j + 1);
            (' ', expected[i - 1])
        } else if j == actual.len() || i < expected.len() && common[i + 1][j] >= common[i][j + 1] {
            i += 1;
            ('-', expected[i - 1])
        } else {
            j += 1;
            ('+', actual[j - 1])
        };
        out.extend([&format!("{mark} {line}"), "\n"]);
    }
    out
}
