//! Which comparisons are one click away?
//!
//! The seed notes compare five systems in throughput, in latency and under failures: that is one workload each, with all
//! systems. Beside them stand pairs of settings of one system; a pair of which a system has not both is not offered.

use mqlab_core::sim::compare::{Contender, Mishap, PLAN_CONTENDERS_MAX, Plan, Profile, Workload};

use crate::text::{Both, Lang, both};

/// A comparison that is one click away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name, for the page.
    pub name: String,
    /// What it is called.
    pub title: Both,
    /// The system, where it is about one.
    pub of: Option<Profile>,
    /// What is compared.
    pub plan: Plan,
}

impl Preset {
    /// Its title in one language.
    pub fn words(&self, lang: Lang) -> String {
        let title = self.title.get(lang);
        match self.of {
            Some(profile) if lang == Lang::En => format!("{}: {title}", profile.title()),
            Some(profile) => format!("{}：{title}", profile.title()),
            None => title.into(),
        }
    }
}

/// Pairs of settings: their name, what they are called, who, and with which workload.
const PAIRS: [(&str, Both, &[&str], &str); 4] = [
    (
        "acks",
        both("Kafka: acks 1 and all", "Kafka：acks 1 与 all"),
        &["kafka:acks-all", "kafka:acks-1"],
        "steady",
    ),
    (
        "flush",
        both("RocketMQ: flush sync and async", "RocketMQ：同步与异步刷盘"),
        &["rocketmq:sync-flush", "rocketmq:async"],
        "steady",
    ),
    (
        "queues",
        both("RabbitMQ: classic and quorum", "RabbitMQ：经典队列与仲裁队列"),
        &["rabbitmq:quorum", "rabbitmq:classic"],
        "steady",
    ),
    (
        "push-pull",
        both("Push, long poll, pull", "推、长轮询、拉"),
        &["rabbitmq:classic", "rocketmq:async", "kafka:acks-1"],
        "trickle",
    ),
];

/// All of them, in the order in which they are offered.
pub fn all() -> Vec<Preset> {
    let everybody = || Profile::ALL.into_iter().map(Contender::usual).take(PLAN_CONTENDERS_MAX).collect();
    let calm = || vec![Mishap::None];
    let rough = || vec![Mishap::None, Mishap::Crash, Mishap::PowerCut];
    let whole = [
        ("table-flood", both("All systems: flood", "所有系统：洪峰"), "flood", calm()),
        ("table-trickle", both("All systems: trickle", "所有系统：细流"), "trickle", calm()),
        (
            "table-steady",
            both("All systems: steady, with mishaps", "所有系统：平稳，带故障"),
            "steady",
            rough(),
        ),
    ];
    let mut presets: Vec<Preset> = whole
        .into_iter()
        .filter_map(|(name, title, work, mishaps)| preset(name, title, None, (everybody(), work, mishaps)))
        .collect();
    for (name, title, who, work) in PAIRS {
        let who: Option<Vec<Contender>> = who.iter().map(|text| text.parse().ok()).collect();
        let mishaps = if work == "trickle" { calm() } else { rough() };
        presets.extend(who.and_then(|who| preset(name, title, None, (who, work, mishaps))));
    }
    for profile in Profile::ALL {
        let who: Vec<Contender> =
            Contender::all().filter(|one| one.profile == profile).take(PLAN_CONTENDERS_MAX).collect();
        if who.len() > 2 {
            let name = format!("settings-{profile}");
            let title = both("its settings", "各种设置");
            presets.extend(preset(&name, title, Some(profile), (who, "steady", rough())));
        }
    }
    presets
}

/// A preset, if it can be.
fn preset(
    name: &str,
    title: Both,
    of: Option<Profile>,
    (contenders, work, mishaps): (Vec<Contender>, &str, Vec<Mishap>),
) -> Option<Preset> {
    let plan = Plan { contenders, workload: Workload::built_in(work)?, mishaps, seeds: 3 };
    plan.check().is_ok().then(|| Preset { name: name.into(), title, of, plan })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_seed_table_is_there_and_each_leads_to_a_link() {
        let all = all();
        let names: BTreeSet<&str> = all.iter().map(|preset| preset.name.as_str()).collect();
        assert_eq!(names.len(), all.len(), "each has a name of its own");
        for name in ["table-flood", "table-trickle", "table-steady", "acks", "flush", "queues", "push-pull"] {
            assert!(names.contains(name), "{name}");
        }
        for preset in &all {
            assert_eq!(Plan::read(&preset.plan.write()), Ok(preset.plan.clone()), "{}", preset.name);
        }
        let whole = all.iter().find(|preset| preset.name == "table-flood").expect("it is there");
        assert_eq!(whole.plan.contenders.len(), Profile::ALL.len().min(PLAN_CONTENDERS_MAX));
    }
}
