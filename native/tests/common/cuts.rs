//! When does the power go, and what is left then? After each of the changes that were recorded, in several ways.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use mqlab_core::rng::Rng;

use super::power::{Image, Left, Power};
use super::recorder::Op;

/// A number that a campaign sets, or the usual one.
pub(crate) fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// What somebody finds: after how many changes, what is left, and how often the power may go again meanwhile.
pub(crate) type Look<'a> = &'a mut dyn FnMut(usize, &Image, &mut Rng, u32) -> Result<(), String>;

/// Cuts the power after each of the changes, in several ways. `promised` says in words what was promised then: two
/// moments with the same words and the same files are one. While what is left is opened the power goes again, as often as
/// `depth` says, but only one time in `again`.
pub(crate) fn cut_everywhere(
    before: &Image,
    ops: &[Op],
    rng: &mut Rng,
    (depth, again): (u32, u64),
    promised: &dyn Fn(usize) -> String,
    look: Look<'_>,
) -> Result<(), String> {
    let mut power = Power::new(before);
    let mut seen = HashSet::new();
    for changes in 0..=ops.len() {
        if changes > 0 {
            power.step(&ops[changes - 1]);
        }
        let mut ways = vec![Left::Nothing];
        if power.pending() > 0 {
            ways.push(Left::Everything);
            ways.extend((0..if depth > 0 { 3 } else { 1 }).map(|_| Left::Some(rng.below(u64::MAX))));
        }
        for left in ways {
            let image = power.image(left);
            // A sync changes nothing of what is there, only what must be.
            let mut hash = DefaultHasher::new();
            (&image, &promised(changes)).hash(&mut hash);
            if !seen.insert(hash.finish()) {
                continue;
            }
            let deeper = if depth > 0 && rng.below(again) == 0 { depth } else { 0 };
            look(changes, &image, rng, deeper).map_err(|why| {
                if std::env::var("CRASH_TELL").is_ok() {
                    tell(&ops[..changes], &promised(changes));
                }
                format!("{why}\n  after change {changes}, of what was not synced: {left:?}")
            })?;
        }
    }
    Ok(())
}

/// Prints what led to a failure.
fn tell(ops: &[Op], promised: &str) {
    for op in ops {
        let text: String = format!("{op:?}").chars().take(200).collect();
        eprintln!("{text}");
    }
    eprintln!("{promised}");
}
