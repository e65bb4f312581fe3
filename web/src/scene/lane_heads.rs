//! Where do the names of lanes stand that run down the page? On as few lines as they need: lanes are narrow, and names are not.
//!
//! ```text
//!   shop   broker 2   billing-2      names that would meet the last one on their line go one down
//!     broker 1   broker 3   audit
//!     │    │    │    │    │    │
//! ```

use super::layout::SMALL;
use super::shape::{Anchor, Font, shortened, width_of};

/// How names of lanes are written.
pub(super) const HEAD_FONT: Font = Font { size: SMALL, weight: 600, anchor: Anchor::Middle };
/// Above the first line, and how high a line is.
const TOP: f64 = 4.0;
const LINE: f64 = 16.0;
/// The most lines; where they do not suffice, names are cut.
const LINES_MAX: usize = 3;
/// Between two names, and between a name and the edge.
const GAP: f64 = 8.0;
const EDGE: f64 = 3.0;

/// A lane's name above it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    /// The line that it stands on, from above.
    pub(super) line: usize,
    /// The middle of the words: over the lane, but for what an edge of the page pushes aside.
    pub(super) middle: f64,
    pub(super) text: String,
}

impl Head {
    /// The middle of its line.
    pub(super) fn y(&self) -> f64 {
        TOP + LINE * (self.line as f64 + 0.5)
    }
}

/// How much room so many lines take.
pub(super) fn heads_height(lines: usize) -> f64 {
    TOP + LINE * lines as f64
}

/// The names above lanes: the first lane's middle, and from one to the next.
pub(super) fn heads<'a>(
    names: impl Iterator<Item = &'a str>,
    width: f64,
    first: f64,
    pitch: f64,
) -> Vec<Head> {
    // Where the words on each line end.
    let mut ends: Vec<f64> = Vec::new();
    let place = |(index, name): (usize, &str)| {
        let middle = first + index as f64 * pitch;
        let half = |text: &str| width_of(text, HEAD_FONT) / 2.0;
        let within = |half: f64| middle.clamp(EDGE + half, (width - EDGE - half).max(EDGE + half));
        let left = within(half(name)) - half(name);
        let free = ends.iter().position(|end| end + GAP <= left);
        let line = match free {
            Some(line) => line,
            None if ends.len() < LINES_MAX => {
                ends.push(f64::NEG_INFINITY);
                ends.len() - 1
            }
            None => (0..LINES_MAX).min_by(|a, b| ends[*a].total_cmp(&ends[*b])).unwrap_or(0),
        };
        let fits = free.is_some() || ends[line] == f64::NEG_INFINITY;
        let text = match fits {
            true => name.to_owned(),
            false => shortened(name, HEAD_FONT, 2.0 * (middle - ends[line] - GAP).max(pitch / 2.0 - 2.0)),
        };
        let middle = within(half(&text));
        ends[line] = middle + half(&text);
        Head { line, middle, text }
    };
    names.enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(width: f64, names: &[&str]) -> Vec<Head> {
        let pitch = (width - 12.0) / names.len() as f64;
        heads(names.iter().copied(), width, 6.0 + pitch / 2.0, pitch)
    }

    #[test]
    fn names_use_lines_only_where_they_must_and_never_meet() {
        let few = on(360.0, &["shop", "broker 1", "billing"]);
        assert!(few.iter().all(|head| head.line == 0), "{few:?}");
        let many =
            ["web-shop", "import", "broker 1", "broker 2", "broker 3", "billing-1", "billing-2", "audit"];
        for width in [336.0, 366.0, 500.0] {
            let heads = on(width, &many);
            for (head, name) in heads.iter().zip(many) {
                assert_eq!(head.text, name, "in full at {width}: {heads:?}");
                let half = width_of(&head.text, HEAD_FONT) / 2.0;
                assert!(head.middle - half >= 0.0 && head.middle + half <= width, "{head:?}");
            }
            for (index, a) in heads.iter().enumerate() {
                for b in heads[index + 1..].iter().filter(|b| b.line == a.line) {
                    let apart = (a.middle - b.middle).abs();
                    let room = (width_of(&a.text, HEAD_FONT) + width_of(&b.text, HEAD_FONT)) / 2.0;
                    assert!(apart > room, "{a:?} {b:?}");
                }
            }
        }
        // More than lines can hold: cut, and still within the page.
        let crowd: Vec<String> = (0..40).map(|number| format!("consumer-number-{number}")).collect();
        let names: Vec<&str> = crowd.iter().map(String::as_str).collect();
        assert!(on(336.0, &names).iter().all(|head| head.line < LINES_MAX));
        assert!(on(336.0, &[]).is_empty());
    }
}
