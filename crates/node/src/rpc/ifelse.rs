//! The conditions of `ifelse` (service-nodes 3.11): what this node is, compared with bounds.

use serde_json::Value;

use super::params::Invalid;
use super::params::Params;
use super::params::missing;
use super::params::wrong;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    HardFork,
    Height,
    Version,
}

/// One bound on one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    subject: Subject,
    bound: [u64; 3],
    /// At least the bound, or below it.
    at_least: bool,
}

/// What this node is.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub hard_fork: [u16; 2],
    pub version: [u16; 3],
    pub height: u64,
}

impl Condition {
    /// Whether it holds here.
    #[must_use]
    pub fn holds(&self, facts: &Facts) -> bool {
        let value = match self.subject {
            Subject::HardFork => padded(facts.hard_fork.map(u64::from)),
            Subject::Height => padded([facts.height]),
            Subject::Version => padded(facts.version.map(u64::from)),
        };
        (value >= self.bound) == self.at_least
    }
}

const CONDITIONS: [(&str, Subject, bool); 6] = [
    ("height_at_least", Subject::Height, true),
    ("height_before", Subject::Height, false),
    ("hf_at_least", Subject::HardFork, true),
    ("hf_before", Subject::HardFork, false),
    ("v_at_least", Subject::Version, true),
    ("v_before", Subject::Version, false),
];

/// Reads the object under `if`; there must be a condition in it.
///
/// # Errors
/// The text to answer.
pub fn conditions(params: Params<'_>) -> Result<Vec<Condition>, Invalid> {
    let wanted = params.value("if").ok_or_else(|| missing("if"))?.as_object().ok_or_else(|| wrong("if"))?;
    let wanted = Params::new(wanted, params.format());
    let mut conditions = Vec::new();
    for (name, subject, at_least) in CONDITIONS {
        if let Some(value) = wanted.value(name) {
            let bound = bound(subject, value).ok_or_else(|| wrong(name))?;
            conditions.push(Condition { subject, bound, at_least });
        }
    }
    if conditions.is_empty() {
        return Err(Invalid("Invalid ifelse request: at least one condition is required under 'if'".to_owned()));
    }
    Ok(conditions)
}

fn bound(subject: Subject, value: &Value) -> Option<[u64; 3]> {
    let most = match subject {
        Subject::HardFork => 2,
        Subject::Height => return value.as_u64().map(|height| padded([height])),
        Subject::Version => 3,
    };
    let parts: Vec<u64> = match value {
        Value::Array(parts) => parts.iter().map(Value::as_u64).collect::<Option<_>>()?,
        single => vec![single.as_u64()?],
    };
    (1..=most).contains(&parts.len()).then(|| padded(parts))
}

/// Missing parts are 0.
fn padded(parts: impl IntoIterator<Item = u64>) -> [u64; 3] {
    let mut all = [0; 3];
    all.iter_mut().zip(parts).for_each(|(place, part)| *place = part);
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::call::Format;
    use super::*;

    const FACTS: Facts = Facts { hard_fork: [21, 0], version: [2, 11, 0], height: 5_000 };

    fn all_hold(wanted: &Value) -> Result<bool, Invalid> {
        let params = json!({ "if": wanted });
        let Some(map) = params.as_object() else { return Err(wrong("if")) };
        let conditions = conditions(Params::new(map, Format::Json))?;
        Ok(conditions.iter().all(|condition| condition.holds(&FACTS)))
    }

    #[test]
    fn bounds_compare_part_by_part() {
        for (wanted, holds) in [
            (json!({"hf_at_least": [21, 0]}), true),
            (json!({"hf_at_least": [21, 1]}), false),
            (json!({"hf_before": [21]}), false),
            (json!({"hf_before": 22}), true),
            (json!({"v_at_least": [2, 8]}), true),
            (json!({"v_at_least": [2, 11, 1]}), false),
            (json!({"v_before": [3, 0, 0], "hf_at_least": [19, 3]}), true),
            (json!({"v_before": [3, 0, 0], "hf_at_least": [22]}), false),
            (json!({"height_at_least": 5000, "height_before": 5001}), true),
            (json!({"height_before": 5000}), false),
        ] {
            assert_eq!(all_hold(&wanted), Ok(holds), "{wanted}");
        }
        for bad in [
            json!({}),
            json!({"hf_at_least": []}),
            json!({"hf_before": [1, 2, 3]}),
            json!({"height_before": [5]}),
            json!(5),
        ] {
            assert!(all_hold(&bad).is_err(), "{bad}");
        }
    }
}
