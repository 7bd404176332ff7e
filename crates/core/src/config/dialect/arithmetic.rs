//! What stands in `%(…)` when it is more than one key: uWSGI's pipeline of values and operators,
//! from left to right without precedence.

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A key that has no value.
    Undefined(String),
    /// What an operator is applied to is no whole number.
    NotANumber(String),
    /// An operator has nothing on one side.
    Dangling(String),
    Overflow,
    DivisionByZero,
}

/// The value of an expression; `value_of` gives what a key stands for.
pub(super) fn evaluate<E>(
    text: &str,
    mut value_of: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Result<String, Fault>, E> {
    let mut current: Option<String> = None;
    let mut operator: Option<&str> = None;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if matches!(word, "+" | "-" | "*" | "/") {
            if current.is_none() || operator.is_some() {
                return Ok(Err(Fault::Dangling(word.to_owned())));
            }
            operator = Some(word);
            continue;
        }
        if matches!(word, "++" | "--") {
            let Some(value) = current.take().filter(|_| operator.is_none()) else {
                return Ok(Err(Fault::Dangling(word.to_owned())));
            };
            let sign = word.get(..1).unwrap_or_default();
            match applied(&value, sign, "1") {
                Ok(value) => current = Some(value),
                Err(fault) => return Ok(Err(fault)),
            }
            continue;
        }
        let value = if word.bytes().all(|byte| byte.is_ascii_digit()) {
            word.to_owned()
        } else {
            match value_of(word)? {
                Some(value) => value,
                None => return Ok(Err(Fault::Undefined(word.to_owned()))),
            }
        };
        let next = match (current.take(), operator.take()) {
            (None, _) => Ok(value),
            // Side by side they are put together.
            (Some(before), None) => Ok(before + &value),
            (Some(before), Some(operator)) => applied(&before, operator, &value),
        };
        match next {
            Ok(value) => current = Some(value),
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(match operator {
        Some(operator) => Err(Fault::Dangling(operator.to_owned())),
        None => Ok(current.unwrap_or_default()),
    })
}

fn applied(left: &str, operator: &str, right: &str) -> Result<String, Fault> {
    let number = |text: &str| {
        text.trim()
            .parse::<i64>()
            .map_err(|_not_a_number| Fault::NotANumber(text.to_owned()))
    };
    let (left, right) = (number(left)?, number(right)?);
    let result = match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        _ if right == 0 => return Err(Fault::DivisionByZero),
        _ => left.checked_div(right),
    };
    result.map(|value| value.to_string()).ok_or(Fault::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn value(text: &str) -> Result<String, Fault> {
        let keys = |key: &str| {
            Ok::<_, Infallible>(match key {
                "a" => Some("2".to_owned()),
                "b" => Some("8".to_owned()),
                "w" => Some("word".to_owned()),
                "big" => Some(i64::MAX.to_string()),
                _ => None,
            })
        };
        match evaluate(text, keys) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    #[test]
    fn values_flow_from_left_to_right() {
        for (text, expected) in [
            ("a + 4 * 2", "12"),
            ("a b + 2", "30"),
            ("a a", "22"),
            ("a ++", "3"),
            ("a -- --", "0"),
            ("a - 5", "-3"),
            ("7 / a", "3"),
            (" a ", "2"),
            ("w a", "word2"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_uwsgi_takes_for_nothing_is_a_fault() {
        for (text, fault) in [
            ("nope + 3", Fault::Undefined("nope".into())),
            ("w + 3", Fault::NotANumber("word".into())),
            ("a -", Fault::Dangling("-".into())),
            ("+ 3", Fault::Dangling("+".into())),
            ("++", Fault::Dangling("++".into())),
            ("a / 0", Fault::DivisionByZero),
            ("big + 1", Fault::Overflow),
        ] {
            assert_eq!(value(text), Err(fault), "{text:?}");
        }
    }
}
