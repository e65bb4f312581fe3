//! What stands around the stage, as data: sentences that are ready to be shown.
//!
//! A panel holds only the parts that have changed since the last one, and while the run plays it is filled a few
//! times a second, not with every frame: nobody reads faster.

use serde::Serialize;

pub use super::adding::{AddingPart, FieldPart};
pub use super::menu::{MenuGroup, MenuPart};

/// The parts that have changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Panel {
    /// The fixed texts, after the language changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Title and story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<StoryPart>,
    /// Buttons, time and pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// The verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictPart>,
    /// The chosen message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<Life>,
    /// The event list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// The nodes' controls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<NodeControl>>,
    /// Which view is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<ViewsPart>,
    /// What the charts say in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charts: Option<ChartsPart>,
    /// The branches; none to show when there is but one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branches: Option<Vec<BranchPart>>,
    /// The address of what is on the desk, after `?`; empty where no link can hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The open menu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu: Option<MenuPart>,
    /// The field for commands and the forms to add something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adding: Option<AddingPart>,
    /// What the branches can be asked for, and how two of them differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The bet on the story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bet: Option<BetPart>,
    /// What may be brought about in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goals: Option<GoalsPart>,
    /// What to say when something is wrong; empty when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What to say aloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
}

/// Fixed texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Words {
    /// For the page's `lang`.
    pub tag: &'static str,
    /// Name and text.
    pub texts: Vec<(&'static str, &'static str)>,
    /// The theme switch.
    pub theme: &'static str,
    /// `auto`, `light` or `dark`.
    pub theme_name: &'static str,
}

/// A run of words, stressed or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// Whether they are stressed.
    pub strong: bool,
}

/// Title and story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoryPart {
    /// Above the title.
    pub kicker: String,
    /// The title.
    pub title: String,
    /// Paragraphs.
    pub paragraphs: Vec<Vec<Piece>>,
    /// What to look for.
    pub look: Vec<String>,
    /// What to try.
    pub tries: Vec<String>,
    /// All scenarios, by topic.
    pub groups: Vec<GroupPart>,
    /// What things are called in the system that plays, and in the others; nothing where none plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legend: Option<LegendPart>,
}

/// What the same thing is called in each system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LegendPart {
    /// Above the table.
    pub title: &'static str,
    /// The head of the table: what, and the systems.
    pub head: Vec<&'static str>,
    /// The column of the system that plays.
    pub plays: usize,
    /// The rows.
    pub rows: Vec<Vec<&'static str>>,
}

/// Scenarios on one topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupPart {
    /// The topic.
    pub title: &'static str,
    /// Name, title, whether it is this one.
    pub scenarios: Vec<(String, String, bool)>,
}

/// Buttons, time and pace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transport {
    /// Whether it plays.
    pub playing: bool,
    /// The big button's name.
    pub play: &'static str,
    /// The moment in microseconds.
    pub now: u64,
    /// The end in microseconds.
    pub end: u64,
    /// The moment, as it is read.
    pub time: String,
    /// The moment, as it is heard.
    pub heard: String,
    /// The slider's place.
    pub pace: u8,
    /// The pace in words: before, the span, after.
    pub pace_words: (&'static str, String, &'static str),
    /// The seed.
    pub seed: String,
    /// The run's digest up to now.
    pub digest: String,
    /// Whether heartbeats are shown.
    pub upkeep: bool,
    /// Whether it is slow at decisive moments.
    pub slow: bool,
    /// Whether it jumps where nothing happens.
    pub leap: bool,
    /// Why it is slow just now, or what it has jumped over; empty when neither.
    pub note: String,
    /// Whether it is slow just now.
    pub slowed: bool,
    /// Whether there is a command to take back.
    pub can_undo: bool,
}

/// One count of the verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CountPart {
    /// Its name in the page.
    pub name: &'static str,
    /// How many, or how long.
    pub value: String,
    /// Of what.
    pub label: &'static str,
    /// What that means, in a sentence.
    pub meaning: &'static str,
    /// Whether it is worth a worry.
    pub harm: bool,
    /// Whether its messages are named.
    pub open: bool,
    /// Whether they can be.
    pub can_open: bool,
}

/// A line of figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigurePart {
    /// Its name in the page.
    pub name: &'static str,
    /// Figures of what.
    pub label: &'static str,
    /// The figures.
    pub words: String,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictPart {
    /// In a sentence.
    pub sentence: String,
    /// Six counts, and more where there is something to say.
    pub counts: Vec<CountPart>,
    /// What else was measured.
    pub figures: Vec<FigurePart>,
    /// The messages behind the opened one: number and label.
    pub named: Vec<(u64, String)>,
    /// How many more there are, in words; empty when all are named.
    pub more: String,
    /// The chosen message.
    pub chosen: Option<u64>,
}

/// A row with a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// A number that stays the same.
    pub id: usize,
    /// The moment in microseconds.
    pub at: u64,
    /// The moment, as it is read.
    pub time: String,
    /// What happened.
    pub text: String,
    /// Its icon and colour.
    pub tone: &'static str,
    /// `past`, `now` or `next`.
    pub when: &'static str,
}

/// A message's life.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Life {
    /// The title.
    pub title: String,
    /// Whether a message is chosen.
    pub chosen: bool,
    /// The disc: its words, its fill, its edge.
    pub mark: (String, &'static str, &'static str),
    /// What happened to it, in order.
    pub rows: Vec<LifeRow>,
}

/// A step of a message's life.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LifeRow {
    /// What happened.
    #[serde(flatten)]
    pub row: Row,
    /// Why, where it is not simply because of the step above: the moment that led to it in microseconds, and the words.
    pub why: Option<(u64, String)>,
    /// Whether it is not part of the life itself, and only led to something in it.
    pub outside: bool,
}

/// The event list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Events {
    /// A window around the present.
    pub rows: Vec<Row>,
    /// The row of the last event that happened.
    pub current: Option<usize>,
    /// The row at which two compared branches part, and what to say of it.
    pub differs: Option<(usize, &'static str)>,
}

/// The button over a node's control.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeControl {
    /// Which node.
    pub id: String,
    /// Its name.
    pub label: String,
    /// Where, in pixels of the page: left, top, width, height.
    pub area: (f64, f64, f64, f64),
    /// Whether the node runs.
    pub up: bool,
}

/// A branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BranchPart {
    /// Its number.
    pub id: usize,
    /// Its name.
    pub label: String,
    /// Everything that was done in it.
    pub deeds: String,
    /// Whether it is looked at.
    pub current: bool,
    /// Whether somebody has given it a name.
    pub named: bool,
    /// The button for another name.
    pub rename: String,
    /// The button that removes it; nothing for the one that is looked at.
    pub remove: Option<String>,
}

/// How two branches differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The numbers of the two: was, and now; nothing when none are compared.
    pub pair: Option<(usize, usize)>,
    /// The first difference; nothing where they are the same, or none are compared.
    pub first: Option<FirstDifference>,
    /// That they are the same; empty where they are not.
    pub alike: &'static str,
    /// The present moment, and the end, as columns.
    pub columns: (String, &'static str),
    /// The figures.
    pub rows: Vec<ComparedRow>,
}

/// The first event that one of two branches has and the other has not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstDifference {
    /// The moment in microseconds.
    pub at: u64,
    /// The moment, as it is read.
    pub time: String,
    /// What it is called.
    pub label: &'static str,
    /// What happens in the one.
    pub one: String,
    /// What happens in the other.
    pub other: String,
}

/// A figure of two branches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedRow {
    /// Of what.
    pub label: &'static str,
    /// At the present moment: was, and now.
    pub present: (String, String),
    /// At the end: was, and now.
    pub end: (String, String),
    /// Whether they differ at the present moment, and at the end.
    pub differs: (bool, bool),
}

/// The switch over the main area.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViewsPart {
    /// The views, in order.
    pub views: Vec<ViewPart>,
    /// What the main area shows, for who cannot see it.
    pub label: &'static str,
    /// Whether a stage is seen, which can be fitted into the window.
    pub fits: bool,
    /// Whether it is zoomed, so that a drag moves it.
    pub holds: bool,
    /// Whether its window can be moved.
    pub pans: bool,
}

/// One view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViewPart {
    /// Its name in the page.
    pub name: &'static str,
    /// Whether it is shown.
    pub current: bool,
}

/// The charts, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChartsPart {
    /// Whether they are shown.
    pub open: bool,
    /// The present values, for who cannot see them.
    pub heard: String,
    /// The last fault, or that there was none.
    pub fault: String,
    /// What was before it, and what is now.
    pub rows: Vec<ChangePart>,
}

/// A quantity before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangePart {
    /// Which.
    pub label: &'static str,
    /// Before.
    pub was: String,
    /// Now.
    pub is: String,
}

/// A bet; without a question where the story has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BetPart {
    /// What stands above it.
    pub title: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// The answers.
    pub choices: Vec<ChoicePart>,
    /// `open`, `placed`, `late`, `running`, `right`, `wrong`, or `told` where nobody bet.
    pub state: &'static str,
    /// How it stands, in words.
    pub words: String,
    /// The button that leads to just before it.
    pub before: &'static str,
    /// Where it was decided.
    pub proof: Option<Proof>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChoicePart {
    /// In words.
    pub text: String,
    /// Whether somebody bet on it.
    pub chosen: bool,
    /// Whether it is the right one, as far as that is known.
    pub right: bool,
}

/// Where a bet was decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// What the button is called.
    pub label: &'static str,
    /// The moment in microseconds.
    pub at: u64,
    /// The moment, as it is read.
    pub time: String,
    /// What happened then.
    pub text: String,
    /// The message whose life tells why.
    pub message: Option<u64>,
}

/// Goals of the story; none where it has none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoalsPart {
    /// What stands above them.
    pub title: &'static str,
    /// Each.
    pub goals: Vec<GoalPart>,
    /// All that were reached in any story, for the page to remember.
    pub kept: String,
}

/// A goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoalPart {
    /// Its name in the page.
    pub name: &'static str,
    /// What is to be brought about.
    pub text: &'static str,
    /// Whether it was.
    pub done: bool,
}
