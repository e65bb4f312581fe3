//! What can be chosen, what is, and what a choice changes.
//!
//! A choice that cannot be is answered in words, and the last one that could be stays.

use mqlab_core::sim::compare::{
    BadPlan, Contender, Field, Mishap, PLAN_CONTENDERS_MAX, PLAN_SEEDS_MAX, Plan, Profile, Workload,
};

use super::panel::{Choice, ContenderPart, Form, NumberPart};
use super::presets;
use crate::text::{Lang, compare as words, compare_names as names};

/// How the page says that brokers' work takes no time.
const NO_MACHINE: &str = "none";

/// What the form shows.
pub(super) fn form(plan: &Plan, lang: Lang) -> Form {
    let runs = plan.contenders.len() * plan.mishaps.len() * plan.seeds as usize;
    let usual = Workload::built_in(&plan.workload.name)
        .map(|usual| Workload { machine: plan.workload.machine.clone(), ..usual });
    let is_own = usual.as_ref() != Some(&plan.workload);
    let workload = names::workload(&plan.workload.name);
    Form {
        presets: presets::all()
            .into_iter()
            .map(|preset| Choice {
                label: preset.words(lang),
                chosen: preset.plan == *plan,
                value: preset.name,
                says: String::new(),
            })
            .collect(),
        contenders: (1..).zip(&plan.contenders).map(|(number, one)| contender(number, one, lang)).collect(),
        system: words::SYSTEM.get(lang),
        setting: words::SETTING.get(lang),
        remove: words::REMOVE.get(lang),
        may_remove: plan.contenders.len() > 2,
        may_add: plan.contenders.len() < PLAN_CONTENDERS_MAX && unused(plan).is_some(),
        workloads: Workload::BUILT_IN.iter().map(|(name, _)| self::workload(name, plan, lang)).collect(),
        workload_says: match workload {
            Some((name, _)) if is_own => words::own_numbers(name.get(lang), lang),
            Some((_, says)) => says.get(lang).into(),
            None => String::new(),
        },
        numbers: Field::ALL
            .into_iter()
            .map(|field| NumberPart {
                name: field.name(),
                label: names::field(field).get(lang),
                value: field.of(&plan.workload),
                limits: field.limits(),
            })
            .collect(),
        mishaps: Mishap::ALL
            .into_iter()
            .map(|mishap| {
                let (name, says) = names::mishap(mishap);
                Choice {
                    value: mishap.name().into(),
                    label: name.get(lang).into(),
                    says: says.get(lang).into(),
                    chosen: plan.mishaps.contains(&mishap),
                }
            })
            .collect(),
        machines: machines(plan, lang),
        seeds: (plan.seeds, PLAN_SEEDS_MAX),
        runs: words::runs(runs, lang),
    }
}

fn contender(number: usize, one: &Contender, lang: Lang) -> ContenderPart {
    let plain = |value: &str, label: &str, chosen| Choice {
        value: value.into(),
        label: label.into(),
        says: String::new(),
        chosen,
    };
    let systems = Profile::ALL.iter().map(|other| plain(other.name(), other.title(), *other == one.profile));
    let settings = one.profile.settings().iter().map(|(name, _)| plain(name, name, *name == one.setting()));
    ContenderPart {
        label: words::numbered(number, lang),
        systems: systems.collect(),
        settings: settings.collect(),
        says: words::says(one, lang),
    }
}

fn workload(name: &str, plan: &Plan, lang: Lang) -> Choice {
    let words = names::workload(name);
    Choice {
        value: name.into(),
        label: words.map_or_else(|| name.into(), |(label, _)| label.get(lang).into()),
        says: words.map_or_else(String::new, |(_, says)| says.get(lang).into()),
        chosen: plan.workload.name == name,
    }
}

fn machines(plan: &Plan, lang: Lang) -> Vec<Choice> {
    let known = Plan::machines().into_iter().map(Some).chain([None]);
    known
        .map(|machine| Choice {
            label: names::machine(machine.as_deref())
                .map_or_else(|| machine.clone().unwrap_or_default(), |words| words.get(lang).into()),
            chosen: plan.workload.machine == machine,
            value: machine.unwrap_or_else(|| NO_MACHINE.into()),
            says: String::new(),
        })
        .collect()
}

/// A contender that is not among them yet: another system first, then another setting.
fn unused(plan: &Plan) -> Option<Contender> {
    let is_free = |one: &Contender| !plan.contenders.contains(one);
    Profile::ALL.into_iter().map(Contender::usual).find(is_free).or_else(|| Contender::all().find(is_free))
}

/// Changes the plan as a control of the form says. `None` where the page has no such control.
pub(super) fn change(plan: &Plan, name: &str, value: &str) -> Option<Result<Plan, BadPlan>> {
    let mut fresh = plan.clone();
    let changed = match name {
        "preset" => presets::all().into_iter().find(|preset| preset.name == value).map(|preset| {
            fresh = preset.plan;
        }),
        "system" | "setting" => {
            let (place, wanted) = value.split_once(' ')?;
            let place: usize = place.parse().ok()?;
            let slot = fresh.contenders.get_mut(place)?;
            let text = if name == "system" { wanted.into() } else { format!("{}:{wanted}", slot.profile) };
            *slot = match (name, text.parse::<Contender>().ok()?) {
                // Another system, of which somebody may have the usual setting already.
                ("system", usual) => free_of(plan, usual.profile).unwrap_or(usual),
                (_, other) => other,
            };
            Some(())
        }
        "add-contender" => unused(plan).map(|one| fresh.contenders.push(one)),
        "remove-contender" => {
            let place: usize = value.parse().ok()?;
            (place < fresh.contenders.len()).then(|| _ = fresh.contenders.remove(place))
        }
        "workload" => Workload::built_in(value).map(|other| {
            let machine = fresh.workload.machine.take();
            fresh.workload = Workload { machine, ..other };
        }),
        "number" => {
            let (field, number) = value.split_once(' ')?;
            let field = Field::by_name(field)?;
            let is_set = number.parse().is_ok_and(|number| field.set(&mut fresh.workload, number));
            if !is_set {
                return Some(Err(BadPlan::Number(field, number.into())));
            }
            Some(())
        }
        "mishap" => {
            let mishap: Mishap = value.parse().ok()?;
            match fresh.mishaps.iter().position(|other| *other == mishap) {
                Some(place) => _ = fresh.mishaps.remove(place),
                None => {
                    fresh.mishaps.push(mishap);
                    fresh.mishaps.sort(); // in the order of the list
                }
            }
            Some(())
        }
        "machine" => {
            fresh.workload.machine = (value != NO_MACHINE).then(|| value.into());
            Some(())
        }
        "seeds" => match value.parse() {
            Ok(seeds) => {
                fresh.seeds = seeds;
                Some(())
            }
            Err(_) => return Some(Err(BadPlan::Seeds(value.into()))),
        },
        _ => None,
    };
    changed.map(|()| fresh.check().map(|()| fresh))
}

/// A setting of a system that nobody has.
fn free_of(plan: &Plan, profile: Profile) -> Option<Contender> {
    Contender::all().find(|one| one.profile == profile && !plan.contenders.contains(one))
}
