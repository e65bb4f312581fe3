//! Bets and goals at the desk: what can be chosen when, what is told, and what is remembered.
#![cfg(not(target_arch = "wasm32"))]

mod visiting;

use mqlab_core::time::Time;
use mqlab_web::desk::Desk;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::panel::BetPart;
use mqlab_web::text::Lang;
use visiting::{after, visit};

fn bet(desk: &mut Desk, clock: &mut f64, action: Action) -> BetPart {
    // A part comes only when it has changed: another language and back makes it come.
    desk.act(action);
    after(desk, clock, Action::Lang(Lang::Zh));
    after(desk, clock, Action::Lang(Lang::En)).bet.expect("its words changed")
}

#[test]
fn a_bet_goes_with_the_moment() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader-acks-1&seed=20"), 0.0);
    assert_eq!(bet(&mut desk, &mut clock, Action::Bet(9)).state, "open", "there is no such answer");
    let placed = bet(&mut desk, &mut clock, Action::Bet(0));
    assert_eq!((placed.state, placed.choices[0].chosen), ("placed", true));
    assert_eq!(bet(&mut desk, &mut clock, Action::Seek(Time(300_000))).state, "running");
    assert!(!bet(&mut desk, &mut clock, Action::Bet(1)).choices[1].chosen, "too late");
    let end = bet(&mut desk, &mut clock, Action::End);
    assert_eq!((end.state, end.choices[1].right), ("wrong", true));
    assert_eq!(end.words, "You were wrong: 2.");
    let proof = end.proof.expect("two were lost");
    assert_eq!(proof.message, Some(88));
    // Before the turn everything is open again; another run knows nothing of it.
    assert_eq!(bet(&mut desk, &mut clock, Action::BeforeBet).state, "placed");
    assert!(bet(&mut desk, &mut clock, Action::NewSeed(1)).choices.iter().all(|choice| !choice.chosen));
    let told = bet(&mut desk, &mut clock, Action::End);
    assert_eq!((told.state, told.words.as_str()), ("told", "It came out as none."));
    assert!(told.proof.is_some(), "what it was about can be seen");
}

#[test]
fn what_a_person_does_decides_the_bet() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader-acks-1&seed=20"), 0.0);
    bet(&mut desk, &mut clock, Action::Bet(0));
    for (at, command) in [(50_000, "acks producer-1 all"), (50_100, "acks producer-2 all")] {
        desk.act(Action::Seek(Time(at)));
        desk.act(Action::Do(command.parse().expect("a command")));
    }
    let end = bet(&mut desk, &mut clock, Action::End);
    assert_eq!((end.state, end.words.as_str()), ("right", "You were right: none."));
}

#[test]
fn goals_are_ticked_and_remembered() {
    let (mut desk, mut clock) = (visit("?scenario=hundred-messages&seed=7"), 0.0);
    desk.remember_goals("hundred-messages/broker-back kill-the-leader/calm nothing/like-it");
    let goals = after(&mut desk, &mut clock, Action::End).goals.expect("the first panel has all");
    assert_eq!(goals.kept, "hundred-messages/broker-back kill-the-leader/calm");
    let done: Vec<bool> = goals.goals.iter().map(|goal| goal.done).collect();
    assert_eq!(done, [false, true]);
    desk.act(Action::Seek(Time(100_300)));
    desk.act(Action::Do("crash-once-done consumer-1".parse().expect("a command")));
    let panel = after(&mut desk, &mut clock, Action::End);
    let goals = panel.goals.expect("one more");
    assert!(goals.goals.iter().all(|goal| goal.done) && goals.kept.contains("hundred-messages/twice"));
    assert!(panel.say.is_some_and(|words| words.starts_with("Done: ")));
    // A story without any has none.
    let none = after(&mut desk, &mut clock, Action::Scenario("replay".into()));
    assert_eq!(none.goals.map(|goals| goals.goals.len()), Some(0));
    assert!(none.bet.is_some_and(|bet| bet.question.is_empty()));
}
