//! How fast does the run pass by? Real milliseconds in, microseconds of the run out.
//!
//! The engine owns time; a player only says how far it should go on. A step is one event, not one frame, and
//! somebody who asked for less motion gets steps instead of tweens.

use mqlab_core::time::Span;

use crate::text::Lang;

/// The slider's steps, for three powers of ten.
pub const PACE_MAX: u8 = 60;
/// 40 ms of the run in a second.
pub const PACE_USUAL: u8 = 32;

/// The slowest pace: microseconds of the run in one real second.
const SLOWEST: f64 = 1_000.0;
/// Steps of the slider for a factor of ten.
const DECADE: f64 = 20.0;
/// A page that was hidden does not leap when it comes back.
const FRAME_MAX_MS: f64 = 100.0;
/// Between two steps for who wants less motion.
const STEP_MS: f64 = 700.0;
/// What is left of the pace of steps where something was decided: the pause is longer.
pub const STEPS_LINGER: f64 = 0.4;
/// How quickly the pace follows what it should be, where that was not known ahead: most of the way in this time.
const EASE_MS: f64 = 120.0;

/// What the run should do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    Stay,
    /// Go on by so much.
    By(Span),
    /// Go on to the next event.
    Step,
}

/// Play, pause and pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Player {
    /// Whether it plays.
    pub playing: bool,
    /// Whether it goes by steps.
    pub steps: bool,
    pace: u8,
    /// What is left of the pace just now, because something decides itself: 1 when nothing does.
    slowed: f64,
    /// Parts of a microsecond that are still owed, or milliseconds since the last step.
    rest: f64,
}

impl Default for Player {
    fn default() -> Self {
        Self { playing: false, steps: false, pace: PACE_USUAL, slowed: 1.0, rest: 0.0 }
    }
}

impl Player {
    /// At rest, at the usual pace.
    pub fn new(steps: bool) -> Self {
        Self { steps, ..Self::default() }
    }

    /// The slider's place, 0 to [`PACE_MAX`].
    pub const fn pace(&self) -> u8 {
        self.pace
    }

    /// Chooses a pace.
    pub fn set_pace(&mut self, pace: u8) {
        self.pace = pace.min(PACE_MAX);
    }

    /// A little slower or faster.
    pub fn change_pace(&mut self, by: i8) {
        self.set_pace(self.pace.saturating_add_signed(by));
    }

    /// Starts or stops.
    pub fn set_playing(&mut self, playing: bool) {
        self.playing = playing;
        self.rest = if playing && self.steps { STEP_MS } else { 0.0 };
    }

    /// Microseconds of the run in a real second, rounded to what the words say.
    pub fn micros_per_second(&self) -> u64 {
        let exact = SLOWEST * 10_f64.powf(f64::from(self.pace) / DECADE);
        let unit = 10_f64.powf(exact.log10().floor() - 1.0);
        ((exact / unit).round() * unit) as u64
    }

    /// What is left of the chosen pace just now.
    pub const fn slowed(&self) -> f64 {
        self.slowed
    }

    /// Lets the pace follow what it should be after so many real milliseconds.
    pub fn slow_to(&mut self, part: f64, elapsed_ms: f64) {
        let way = (elapsed_ms.max(0.0) / EASE_MS).min(1.0);
        self.slowed += (part - self.slowed) * way;
        if (self.slowed - part).abs() < 0.005 {
            self.slowed = part;
        }
    }

    /// So many real milliseconds have passed.
    pub fn tick(&mut self, elapsed_ms: f64) -> Move {
        if !self.playing || elapsed_ms.is_nan() || elapsed_ms <= 0.0 {
            return Move::Stay;
        }
        let elapsed = elapsed_ms.min(FRAME_MAX_MS) * self.slowed;
        if self.steps {
            self.rest += elapsed;
            if self.rest < STEP_MS {
                return Move::Stay;
            }
            self.rest = 0.0;
            return Move::Step;
        }
        self.rest += elapsed * self.micros_per_second() as f64 / 1_000.0;
        let whole = self.rest.floor();
        self.rest -= whole;
        if whole > 0.0 { Move::By(Span(whole as u64)) } else { Move::Stay }
    }

    /// The pace in words.
    pub fn words(&self, lang: Lang) -> (&'static str, String, &'static str) {
        let span = Span(self.micros_per_second());
        match lang {
            Lang::En => ("1 s here = ", span_words(span, lang), " in the cluster"),
            Lang::Zh => ("这里 1 秒 = 集群里 ", span_words(span, lang), ""),
        }
    }
}

/// A span in the unit that suits it.
pub fn span_words(span: Span, lang: Lang) -> String {
    let (number, en, zh) = match span.0 {
        0..1_000 => (span.0.to_string(), "µs", "微秒"),
        1_000..1_000_000 => (tenths(span.0, 1_000), "ms", "毫秒"),
        _ => (tenths(span.0, 1_000_000), "s", "秒"),
    };
    match lang {
        Lang::En => format!("{number} {en}"),
        Lang::Zh => format!("{number} {zh}"),
    }
}

fn tenths(value: u64, unit: u64) -> String {
    match (value % unit) * 10 / unit {
        0 => (value / unit).to_string(),
        tenth => format!("{}.{tenth}", value / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_spoken_out() {
        let mut player = Player::default();
        let say = |player: &Player, lang| {
            let (before, span, after) = player.words(lang);
            format!("{before}{span}{after}")
        };
        assert_eq!(say(&player, Lang::En), "1 s here = 40 ms in the cluster");
        assert_eq!(say(&player, Lang::Zh), "这里 1 秒 = 集群里 40 毫秒");
        player.set_pace(0);
        assert_eq!(say(&player, Lang::En), "1 s here = 1 ms in the cluster");
        player.set_pace(200);
        assert_eq!(say(&player, Lang::En), "1 s here = 1 s in the cluster");
    }

    #[test]
    fn nothing_is_lost_between_frames() {
        let mut player = Player::default();
        player.set_pace(7);
        player.set_playing(true);
        let mut passed = 0;
        for _ in 0..1_000 {
            if let Move::By(span) = player.tick(16.7) {
                passed += span.0;
            }
        }
        let exact = 16.7 * player.micros_per_second() as f64;
        assert!((passed as f64 - exact).abs() <= 2.0, "{passed} of {exact}");
    }

    #[test]
    fn a_page_that_was_hidden_does_not_leap() {
        let mut player = Player::default();
        player.set_playing(true);
        assert_eq!(player.tick(60_000.0), Move::By(Span(4_000)));
        assert_eq!(player.tick(-5.0), Move::Stay);
        assert_eq!(player.tick(f64::NAN), Move::Stay);
    }

    #[test]
    fn a_slower_run_goes_less_far_and_a_slower_step_waits_longer() {
        let mut player = Player::default();
        player.set_playing(true);
        player.slow_to(0.25, 16.0);
        assert!(player.slowed() > 0.25 && player.slowed() < 1.0, "not all at once");
        (0..100).for_each(|_| player.slow_to(0.25, 16.0));
        assert_eq!((player.slowed(), player.tick(100.0)), (0.25, Move::By(Span(1_000))));
        assert_eq!(player.words(Lang::En).1, "40 ms", "what was chosen stays chosen");
        player.steps = true;
        player.set_playing(true);
        assert_eq!(player.tick(16.0), Move::Step);
        assert_eq!((0..).take_while(|_| player.tick(50.0) == Move::Stay).count(), 55);
    }

    #[test]
    fn less_motion_means_steps() {
        let mut player = Player::new(true);
        assert_eq!(player.tick(50.0), Move::Stay);
        player.set_playing(true);
        assert_eq!(player.tick(16.0), Move::Step, "the first one comes at once");
        let waited = (0..).take_while(|_| player.tick(50.0) == Move::Stay).count();
        assert_eq!(waited, 13);
    }
}
