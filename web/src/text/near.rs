//! Which name was meant by one that is not there? Those that a slip of the hand makes of it, or that have a word in common
//! with it; none where nothing is near.

/// The most names that are offered for one that is not known.
const NEAR_MAX: usize = 3;
/// Of a name that somebody makes as long as he likes, so many letters count.
const LETTERS_MAX: usize = 64;
/// A part of a name with fewer letters says nothing.
const WORD_MIN: usize = 4;
/// One slip in so many letters is still a slip.
const LETTERS_FOR_A_SLIP: usize = 3;

/// The known names that are near, the nearest first.
pub(crate) fn near<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong: String = wrong.chars().take(LETTERS_MAX).flat_map(char::to_lowercase).collect();
    let parts: Vec<&str> = words(&wrong).collect();
    let slips = wrong.chars().count() / LETTERS_FOR_A_SLIP;
    let mut found: Vec<(usize, usize, &str)> = Vec::new();
    for name in known {
        let shared = words(name).filter(|word| parts.contains(word)).count();
        let edits = edits(&wrong, name);
        if edits <= slips || shared > 0 {
            // A word in common is worth more than a few letters.
            found.push((parts.len() - shared.min(parts.len()), edits, name));
        }
    }
    // Where a slip explains it, words in common need not.
    if let Some(least) = found.iter().map(|(_, edits, _)| *edits).filter(|edits| *edits <= slips).min() {
        found.retain(|(_, edits, _)| *edits <= slips && *edits <= least + 1);
    }
    found.sort_unstable();
    found.into_iter().take(NEAR_MAX).map(|(.., name)| name).collect()
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '.', '_', ' ']).filter(|word| word.chars().count() >= WORD_MIN)
}

/// How many letters must be put in, taken out or changed to make one name of another (Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], index + 1);
        for (place, known) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *known);
            corner = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_proposed() {
        let known = [
            "kill-the-leader",
            "kill-the-leader-acks-1",
            "outbox",
            "orders",
            "hundred-messages",
            "crash",
            "cut",
        ];
        for (wrong, meant) in [
            ("kill-the-laeder", &["kill-the-leader"][..]),
            ("Orders", &["orders"]),
            ("order", &["orders"]),
            ("crush", &["crash"]),
            ("leader", &["kill-the-leader", "kill-the-leader-acks-1"]),
            ("hundred-letters", &["hundred-messages"]),
            ("bills", &[]),
            ("nothing-like-it", &[]),
            ("no", &[]),
            ("", &[]),
            ("每一个", &[]),
        ] {
            assert_eq!(near(wrong, known), meant, "{wrong}");
        }
        assert!(near(&"x".repeat(100_000), known).is_empty());
    }
}
