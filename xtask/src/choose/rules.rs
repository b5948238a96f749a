//! The rules of the choice, as data: docs/choosing.md is made of the same.

use super::needs::{Needs, Order};
use crate::mechanism::{ALL, Mechanism, by_key};

/// What a rule does to a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It cannot do this.
    Out,
    /// It suits better or worse.
    Points(i32),
}

/// If this is needed, then that.
pub(crate) struct Rule {
    pub(crate) when: &'static str,
    applies: fn(&Needs) -> bool,
    /// Keys of mechanisms, what happens to them, and why.
    pub(crate) effects: &'static [(&'static [&'static str], Effect, &'static str)],
}

/// How well each suits where nothing special is needed: what is simple to use comes first.
pub(crate) const SIMPLE: [(&str, i32); 11] = [
    ("unix-packets", 55),
    ("pipe", 50),
    ("unix-stream", 50),
    ("shared-memory", 45),
    ("shared-queue", 45),
    ("fifo", 40),
    ("posix-queue", 40),
    ("sysv-queue", 30),
    ("network", 30),
    ("signal", 20),
    ("semaphore", 20),
];

use Effect::{Out, Points};

const HERE_ONLY: &[&str] = &[
    "signal",
    "pipe",
    "fifo",
    "semaphore",
    "shared-memory",
    "posix-queue",
    "sysv-queue",
    "shared-queue",
    "unix-stream",
    "unix-packets",
];
const NO_DESCRIPTORS: &[&str] = &[
    "signal",
    "pipe",
    "fifo",
    "semaphore",
    "shared-memory",
    "posix-queue",
    "sysv-queue",
    "shared-queue",
    "network",
];
const NO_ORDER: &[&str] = &[
    "signal",
    "pipe",
    "fifo",
    "semaphore",
    "shared-memory",
    "unix-stream",
    "unix-packets",
    "network",
];
const WITH_DATA: &[&str] = &[
    "pipe",
    "fifo",
    "shared-memory",
    "posix-queue",
    "sysv-queue",
    "shared-queue",
    "unix-stream",
    "unix-packets",
    "network",
];

/// All rules. A mechanism is out if one rule says so; otherwise its points are added up.
pub(crate) const RULES: [Rule; 14] = [
    Rule {
        when: "the other program may run on another host",
        applies: |needs| needs.other_host,
        effects: &[(HERE_ONLY, Out, "works within one host only")],
    },
    Rule {
        when: "both run on this host",
        applies: |needs| !needs.other_host,
        effects: &[(&["network"], Points(-20), "a Unix socket does the same for less")],
    },
    Rule {
        when: "they are strangers",
        applies: |needs| !needs.relatives,
        effects: &[(&["pipe"], Out, "has no name: a stranger cannot find it")],
    },
    Rule {
        when: "they are relatives",
        applies: |needs| needs.relatives,
        effects: &[(&["pipe"], Points(20), "needs no name, and leaves nothing behind")],
    },
    Rule {
        when: "there is nothing to carry",
        applies: |needs| needs.size == 0,
        effects: &[
            (&["semaphore"], Points(40), "hands over a permit without a byte"),
            (&["signal"], Points(10), "interrupts, and can reach a program that does not wait"),
            (WITH_DATA, Points(-20), "is made to carry data"),
        ],
    },
    Rule {
        when: "there is something to carry",
        applies: |needs| needs.size > 0,
        effects: &[(&["semaphore"], Out, "carries no data")],
    },
    Rule {
        when: "messages are longer than 8 bytes",
        applies: |needs| needs.size > 8,
        effects: &[(&["signal"], Out, "carries one word")],
    },
    Rule {
        when: "messages are longer than 8 KiB",
        applies: |needs| needs.size > 8192,
        effects: &[(
            &["posix-queue", "sysv-queue"],
            Out,
            "takes messages of 8 KiB, unless root allows more",
        )],
    },
    Rule {
        when: "it must be fast: 5 us there and back or less, or 200 000 a second or more",
        applies: Needs::is_fast,
        effects: &[
            (&["shared-memory"], Points(40), "needs no system call a message"),
            (&["shared-queue"], Points(10), "needs no system call while both are awake"),
        ],
    },
    Rule {
        when: "what was sent must survive a crash of both sides",
        applies: |needs| needs.survives,
        effects: &[
            (
                &["signal", "pipe", "fifo", "unix-stream", "unix-packets", "network"],
                Out,
                "is empty once both sides are gone",
            ),
            (&["shared-queue"], Points(30), "what was not acknowledged comes again, marked"),
            (&["posix-queue", "sysv-queue"], Points(10), "the kernel keeps it until it is removed"),
        ],
    },
    Rule {
        when: "the other side may be hostile",
        applies: |needs| needs.distrust,
        effects: &[
            (&["shared-queue", "semaphore"], Out, "trusts everybody who may open it"),
            (
                &["unix-stream", "unix-packets"],
                Points(20),
                "the kernel tells who is at the other end",
            ),
            (&["shared-memory"], Points(-10), "use it in its untrusted profile only"),
            (&["fifo", "posix-queue", "sysv-queue"], Points(-10), "does not tell who sent what"),
        ],
    },
    Rule {
        when: "open files are to be passed",
        applies: |needs| needs.descriptors,
        effects: &[(NO_DESCRIPTORS, Out, "carries no descriptors")],
    },
    Rule {
        when: "messages are taken by priority",
        applies: |needs| needs.order == Order::Priority,
        effects: &[
            (NO_ORDER, Out, "gives messages in the order in which they were sent"),
            (&["sysv-queue"], Out, "knows types, not priorities"),
        ],
    },
    Rule {
        when: "messages are taken by type",
        applies: |needs| needs.order == Order::Type,
        effects: &[
            (NO_ORDER, Out, "gives messages in the order in which they were sent"),
            (&["posix-queue"], Out, "knows priorities, not types"),
        ],
    },
];

/// A mechanism that can do what is needed.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) mechanism: &'static Mechanism,
    pub(crate) points: i32,
    pub(crate) reasons: Vec<&'static str>,
}

/// What can do it, the best first, and what cannot, with the reason.
#[derive(Debug)]
pub(crate) struct Ranking {
    pub(crate) choices: Vec<Choice>,
    pub(crate) out: Vec<(&'static Mechanism, &'static str)>,
}

/// Applies the rules.
pub(crate) fn rank(needs: &Needs) -> Ranking {
    let mut ranking = Ranking { choices: Vec::new(), out: Vec::new() };
    for mechanism in &ALL {
        match judge(mechanism, needs) {
            Ok(choice) => ranking.choices.push(choice),
            Err(why) => ranking.out.push((mechanism, why)),
        }
    }
    // Stable: of equals, the textbook's order.
    ranking.choices.sort_by_key(|choice| -choice.points);
    ranking
}

fn judge(mechanism: &'static Mechanism, needs: &Needs) -> Result<Choice, &'static str> {
    let points = SIMPLE.iter().find(|(key, _)| *key == mechanism.key).map_or(0, |(_, p)| *p);
    let mut choice = Choice { mechanism, points, reasons: Vec::new() };
    for rule in RULES.iter().filter(|rule| (rule.applies)(needs)) {
        for (_, effect, why) in rule.effects.iter().filter(|e| e.0.contains(&mechanism.key)) {
            match effect {
                Out => return Err(why),
                Points(points) => {
                    choice.points += points;
                    choice.reasons.push(why);
                }
            }
        }
    }
    Ok(choice)
}

/// A step of the decision picture: who answers yes takes this.
pub(crate) struct Step {
    pub(crate) question: &'static str,
    pub(crate) key: &'static str,
    /// Somebody who answers yes here, and no before.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test holds the picture to the rules by it")
    )]
    example: fn() -> Needs,
}

/// The picture: the first yes decides. The last step is for those who said no to all.
pub(crate) const LADDER: [Step; 8] = [
    Step {
        question: "May it run on another host?",
        key: "network",
        example: || Needs { other_host: true, ..Needs::default() },
    },
    Step {
        question: "Open files to pass, or a hostile other side?",
        key: "unix-packets",
        example: || Needs { descriptors: true, ..Needs::default() },
    },
    Step {
        question: "By priority or by type?",
        key: "shared-queue",
        example: || Needs { order: Order::Priority, ..Needs::default() },
    },
    Step {
        question: "Must it survive a crash of both?",
        key: "shared-queue",
        example: || Needs { survives: true, ..Needs::default() },
    },
    Step {
        question: "Nothing to carry, only a permit?",
        key: "semaphore",
        example: || Needs { size: 0, ..Needs::default() },
    },
    Step {
        question: "Within 5 us, or over 200 000 a second?",
        key: "shared-memory",
        example: || Needs { latency: Some(5000.0), ..Needs::default() },
    },
    Step {
        question: "Did one start the other?",
        key: "pipe",
        example: || Needs { relatives: true, ..Needs::default() },
    },
    Step { question: "None of these", key: "unix-packets", example: Needs::default },
];

impl Step {
    pub(crate) fn mechanism(&self) -> Option<&'static Mechanism> {
        by_key(self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::{LADDER, RULES, SIMPLE, rank};
    use crate::choose::needs::{Needs, Order};
    use crate::mechanism::{ALL, by_key};

    fn first(needs: &Needs) -> &'static str {
        rank(needs).choices.first().map_or("nothing", |choice| choice.mechanism.key)
    }

    #[test]
    fn the_picture_says_what_the_rules_say() {
        for step in &LADDER {
            assert_eq!(first(&(step.example)()), step.key, "{}", step.question);
            assert!(step.mechanism().is_some());
        }
        let hostile = Needs { distrust: true, ..Needs::default() };
        assert_eq!(first(&hostile), "unix-packets");
        assert_eq!(first(&Needs { order: Order::Type, ..Needs::default() }), "shared-queue");
        assert_eq!(first(&Needs { rate: Some(2e5), ..Needs::default() }), "shared-memory");
        assert_eq!(first(&Needs { relatives: true, size: 0, ..Needs::default() }), "semaphore");
        let fast = Needs { relatives: true, latency: Some(1e3), ..Needs::default() };
        assert_eq!(first(&fast), "shared-memory");
    }

    #[test]
    fn every_mechanism_is_known_to_the_rules_and_can_be_chosen() {
        assert_eq!(SIMPLE.len(), ALL.len());
        for (key, _) in SIMPLE {
            assert!(by_key(key).is_some(), "{key}");
        }
        for (keys, _, why) in RULES.iter().flat_map(|rule| rule.effects) {
            assert!(keys.iter().all(|key| by_key(key).is_some()), "{why}");
        }
        let small = Needs { relatives: true, size: 8, ..Needs::default() };
        let nothing = Needs { size: 0, ..Needs::default() };
        let possible: Vec<_> = [small, nothing]
            .iter()
            .flat_map(|needs| rank(needs).choices)
            .map(|choice| choice.mechanism.key)
            .collect();
        for mechanism in &ALL {
            assert!(possible.contains(&mechanism.key), "{}", mechanism.key);
        }
    }

    #[test]
    fn what_is_out_says_why_and_needs_can_contradict() {
        let ranking = rank(&Needs { size: 1 << 20, ..Needs::default() });
        let why = |key: &str| ranking.out.iter().find(|(m, _)| m.key == key).map(|(_, why)| *why);
        assert_eq!(why("pipe"), Some("has no name: a stranger cannot find it"));
        assert!(why("posix-queue").unwrap().contains("8 KiB"));
        assert!(why("unix-stream").is_none());
        assert_eq!(ranking.out.len() + ranking.choices.len(), ALL.len());

        let both = Needs { other_host: true, descriptors: true, ..Needs::default() };
        assert_eq!(first(&both), "nothing");
    }
}
