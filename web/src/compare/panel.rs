//! What the page that compares shows, as data: sentences that are ready to be shown.

use serde::Serialize;

/// The parts that have changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Panel {
    /// The fixed texts, after the language or the colours changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// What is chosen, and what can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunPart>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<Tables>,
    /// The same, drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charts: Option<Vec<ChartPart>>,
    /// Which system serves what is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<NeedsPart>,
    /// Runs side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub together: Option<TogetherPart>,
    /// Their clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockPart>,
    /// The address of the choice, after `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What is wrong; empty when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What should be said aloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
}

/// The fixed texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Words {
    /// For `lang`.
    pub tag: &'static str,
    /// By name.
    pub texts: Vec<(&'static str, &'static str)>,
    /// `auto`, `light` or `dark`.
    pub theme: &'static str,
    /// What the switch of colours says.
    pub theme_words: &'static str,
    /// The page's title.
    pub title: String,
}

/// One of several that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Its name, for the page.
    pub value: String,
    /// What it is called.
    pub label: String,
    /// What it means; empty where nothing needs to be said.
    pub says: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// A contender in the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContenderPart {
    /// For who hears it: `Contender 2`.
    pub label: String,
    /// The systems.
    pub systems: Vec<Choice>,
    /// Its settings.
    pub settings: Vec<Choice>,
    /// What the chosen one means.
    pub says: String,
}

/// A number in the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NumberPart {
    /// Its name, for the page.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What it is.
    pub value: u64,
    /// Its limits.
    pub limits: (u64, u64),
}

/// What is chosen, and what can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Form {
    /// Comparisons that are one click away.
    pub presets: Vec<Choice>,
    /// Who is compared.
    pub contenders: Vec<ContenderPart>,
    /// The words of the lists, and of the button that leaves one out.
    pub system: &'static str,
    /// See above.
    pub setting: &'static str,
    /// See above.
    pub remove: &'static str,
    /// Whether there may be one fewer, and one more.
    pub may_remove: bool,
    /// See above.
    pub may_add: bool,
    /// The workloads.
    pub workloads: Vec<Choice>,
    /// What the chosen one shows.
    pub workload_says: String,
    /// Its numbers.
    pub numbers: Vec<NumberPart>,
    /// What goes wrong.
    pub mishaps: Vec<Choice>,
    /// The machines.
    pub machines: Vec<Choice>,
    /// How many seeds, and how many there may be.
    pub seeds: (u64, u64),
    /// How many runs that makes.
    pub runs: String,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunPart {
    /// `idle`, `running`, `done`, `stopped` or `failed`.
    pub state: &'static str,
    /// From 0 to 1, in hundredths.
    pub hundredths: u32,
    /// In words.
    pub words: String,
    /// Whether there is anything to keep.
    pub has_outcome: bool,
}

/// A figure of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The column's name, for the page, and its head.
    pub column: &'static str,
    /// See above.
    pub head: &'static str,
    /// The figure.
    pub words: String,
    /// The page's link to the run that gave it; empty where none did.
    pub link: String,
    /// What the link does, for who hears it.
    pub opens: String,
    /// Whether it is bad news.
    pub is_bad: bool,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowPart {
    /// The contender, in full.
    pub name: String,
    /// What its setting means.
    pub says: String,
    /// What else is to be said; empty where nothing is.
    pub note: String,
    /// Its figures.
    pub cells: Vec<Cell>,
}

/// A difference that can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferencePart {
    /// In words.
    pub words: String,
    /// What leads there: the mishap, the seed and the moment in microseconds.
    pub value: String,
    /// What the button says.
    pub see: &'static str,
}

/// What came of one mishap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TablePart {
    /// The mishap's name, for the page.
    pub mishap: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What happens.
    pub says: &'static str,
    /// A row for each contender that is known.
    pub rows: Vec<RowPart>,
    /// The first messages that fared differently.
    pub differences: Vec<DifferencePart>,
    /// That none did, when all is over.
    pub alike: &'static str,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tables {
    /// What was compared.
    pub head: String,
    /// The first column's head.
    pub contender: &'static str,
    /// The other columns: name, head, what it means.
    pub columns: Vec<(&'static str, &'static str, &'static str)>,
    /// One for each mishap.
    pub tables: Vec<TablePart>,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChartPart {
    /// What it shows.
    pub title: String,
    /// The same in words, for who hears it.
    pub heard: String,
    /// As SVG.
    pub svg: String,
}

/// A run among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StagePart {
    /// Whose.
    pub name: String,
    /// The page's link to it.
    pub link: String,
}

/// A mark over the common clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkPart {
    /// `begins`, `ends` or `differs`.
    pub kind: &'static str,
    /// When, in microseconds.
    pub at: u64,
    /// What it is, with its moment.
    pub label: String,
}

/// Runs side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TogetherPart {
    /// Whether there is anything to show.
    pub offered: bool,
    /// What went wrong.
    pub mishaps: Vec<Choice>,
    /// With which seed.
    pub seeds: Vec<Choice>,
    /// The runs; none before somebody asks for them.
    pub stages: Vec<StagePart>,
    /// The end of the longest, in microseconds.
    pub end: u64,
    /// What stands over the slider.
    pub marks: Vec<MarkPart>,
    /// How fast.
    pub paces: Vec<Choice>,
}

/// The common clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClockPart {
    /// Whether it goes.
    pub playing: bool,
    /// What its button says.
    pub play: &'static str,
    /// The moment, in microseconds.
    pub now: u64,
    /// As it is read.
    pub time: String,
    /// As it is heard.
    pub heard: String,
}

/// What a system says to a need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Served {
    /// `yes`, `with`, `no` or `unplayed`, for the page's style.
    pub serves: &'static str,
    /// The same as a sign, and in words for who hears it.
    pub sign: &'static str,
    /// See above.
    pub heard: &'static str,
    /// By what, or why not.
    pub by: &'static str,
    /// The link to what shows it; empty where nothing does.
    pub link: String,
    /// What the link does.
    pub opens: &'static str,
}

/// Something that may be needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeedPart {
    /// Its name, for the page.
    pub name: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What exactly is asked.
    pub asks: &'static str,
    /// Whether it is ticked.
    pub ticked: bool,
    /// An answer for each system.
    pub answers: Vec<Served>,
}

/// Which system serves what is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeedsPart {
    /// The first column's head.
    pub need: &'static str,
    /// The systems, and whether each serves all that is ticked.
    pub systems: Vec<(&'static str, bool)>,
    /// A row for each need.
    pub needs: Vec<NeedPart>,
    /// What the signs mean.
    pub signs: &'static str,
    /// Who serves all that is ticked.
    pub answer: String,
}
