//! The colours, light and dark. The page's stylesheet has the same values; a test holds the two together.

/// One palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Behind the words of the page.
    pub paper: &'static str,
    /// Cards.
    pub surface: &'static str,
    /// The stage's ground.
    pub sunk: &'static str,
    /// Faint lines.
    pub line: &'static str,
    /// Lines that matter.
    pub line_strong: &'static str,
    /// Words.
    pub ink: &'static str,
    /// Words of second rank.
    pub ink_2: &'static str,
    /// Words of third rank, still readable.
    pub ink_3: &'static str,
    /// Progress and choice.
    pub blue: &'static str,
    /// Promises kept.
    pub green: &'static str,
    /// Harm.
    pub vermilion: &'static str,
    /// Turns: elections, assignments.
    pub purple: &'static str,
    /// Words on a solid disc.
    pub on_mark: &'static str,
    /// The hues of messages: what fills them, and their edge.
    pub hues: [(&'static str, &'static str); 6],
}

/// By day.
pub const LIGHT: Theme = Theme {
    paper: "#faf9f6",
    surface: "#ffffff",
    sunk: "#f2f0eb",
    line: "#e3dfd6",
    line_strong: "#b9b2a3",
    ink: "#1c2127",
    ink_2: "#525a64",
    ink_3: "#666d76",
    blue: "#0072b2",
    green: "#007a58",
    vermilion: "#b54900",
    purple: "#a3487c",
    on_mark: "#1c2127",
    hues: [
        ("#56b4e9", "#2b83b5"),
        ("#e69f00", "#a87000"),
        ("#cc79a7", "#b05a8b"),
        ("#2fb893", "#00835f"),
        ("#f0e442", "#8f8400"),
        ("#b3b9c1", "#737b86"),
    ],
};

/// By night.
pub const DARK: Theme = Theme {
    paper: "#14171b",
    surface: "#1d2127",
    sunk: "#101316",
    line: "#2a3038",
    line_strong: "#4d5661",
    ink: "#e9ecef",
    ink_2: "#b0b7c0",
    ink_3: "#8b949f",
    blue: "#56b4e9",
    green: "#2cc196",
    vermilion: "#f5915a",
    purple: "#dd94bd",
    on_mark: "#14171b",
    hues: [
        ("#56b4e9", "#56b4e9"),
        ("#e69f00", "#e69f00"),
        ("#cc79a7", "#cc79a7"),
        ("#2cc196", "#2cc196"),
        ("#f0e442", "#f0e442"),
        ("#b3b9c1", "#b3b9c1"),
    ],
};

impl Theme {
    /// The hue of a message: by its key's letter, or the first one if it has no key.
    pub fn hue(&self, key: Option<char>) -> (&'static str, &'static str) {
        let index = match key {
            None => 0,
            Some(key) => key.to_ascii_uppercase() as usize % self.hues.len(),
        };
        self.hues[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&color[at..at + 2], 16).expect("two hex digits");
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn words_reach_four_and_a_half_to_one_on_every_ground() {
        for theme in [LIGHT, DARK] {
            for ground in [theme.paper, theme.surface, theme.sunk] {
                for words in [
                    theme.ink,
                    theme.ink_2,
                    theme.ink_3,
                    theme.blue,
                    theme.green,
                    theme.vermilion,
                    theme.purple,
                ] {
                    let ratio = contrast(words, ground);
                    assert!(ratio >= 4.5, "{words} on {ground}: {ratio:.2}");
                }
            }
            for (fill, _) in theme.hues {
                let ratio = contrast(theme.on_mark, fill);
                assert!(ratio >= 4.5, "{} on {fill}: {ratio:.2}", theme.on_mark);
            }
        }
    }

    #[test]
    fn words_on_a_faded_disc_are_as_clear() {
        let part = crate::scene::glyph::FADED;
        for theme in [LIGHT, DARK] {
            for (fill, _) in theme.hues {
                let channel = |color: &str, at: usize| {
                    f64::from(u8::from_str_radix(&color[at..at + 2], 16).expect("two hex digits"))
                };
                let [r, g, b] = [1, 3, 5].map(|at| {
                    (channel(fill, at) * part + channel(theme.surface, at) * (1.0 - part)).round() as u8
                });
                let ratio = contrast(theme.ink, &format!("#{r:02x}{g:02x}{b:02x}"));
                assert!(ratio >= 4.5, "{} on a faded {fill}: {ratio:.2}", theme.ink);
            }
        }
    }

    #[test]
    fn marks_reach_three_to_one_on_every_ground() {
        for theme in [LIGHT, DARK] {
            for ground in [theme.paper, theme.surface, theme.sunk] {
                for (_, edge) in theme.hues {
                    let ratio = contrast(edge, ground);
                    assert!(ratio >= 3.0, "{edge} on {ground}: {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn the_stylesheet_has_the_same_colours() {
        let css = include_str!("../../www/style.css");
        for theme in [LIGHT, DARK] {
            for (name, value) in [
                ("paper", theme.paper),
                ("surface", theme.surface),
                ("sunk", theme.sunk),
                ("line", theme.line),
                ("line-strong", theme.line_strong),
                ("ink", theme.ink),
                ("ink-2", theme.ink_2),
                ("ink-3", theme.ink_3),
                ("blue", theme.blue),
                ("green", theme.green),
                ("vermilion", theme.vermilion),
                ("purple", theme.purple),
            ] {
                assert!(css.contains(&format!("--{name}: {value};")), "--{name}: {value}");
            }
        }
    }
}
