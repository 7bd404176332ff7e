//! Comma-separated lists in fields (RFC 9110 §5.6.1), in which quoted strings may hold commas.

/// The elements of a list, without the space around them; empty ones are left out.
pub(crate) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let (element, after) = split_first(list);
        rest = after;
        Some(element.trim_ascii())
    })
    .filter(|element| !element.is_empty())
}

fn split_first(list: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut is_quoted = false;
    for (at, byte) in list.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => {
                let (before, after) = list.split_at(at);
                return (before, after.get(1..));
            }
            _ => {}
        }
    }
    (list, None)
}

#[cfg(test)]
mod tests {
    use super::elements;

    #[test]
    fn commas_in_quotes_separate_nothing() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[]),
            (" , ,", &[]),
            ("a", &["a"]),
            ("a, b ,c", &["a", "b", "c"]),
            ("\"a,b\", W/\"c\"", &["\"a,b\"", "W/\"c\""]),
            ("\"a, b", &["\"a, b"]),
        ];
        for (list, expected) in table {
            let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(
                elements(list.as_bytes()).collect::<Vec<_>>(),
                expected,
                "{list}"
            );
        }
    }
}
