//! Columns of text, as wide as what stands in them.

use super::output::printable;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Rows below a header; every row has a cell for each column.
pub(super) fn table<const N: usize>(header: [(&str, Align); N], rows: Vec<[String; N]>) -> String {
    let head = header.map(|(title, _)| title.to_owned());
    let aligns = header.map(|(_, align)| align);
    let rows: Vec<[String; N]> = std::iter::once(head)
        .chain(rows.into_iter().map(|row| row.map(|cell| printable(&cell))))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter().map(|row| line(row, aligns, widths)).collect()
}

fn line<const N: usize>(row: &[String; N], aligns: [Align; N], widths: [usize; N]) -> String {
    let cells = row
        .iter()
        .zip(aligns)
        .zip(widths)
        .map(|((cell, align), width)| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
    let text = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", text.trim_end())
}

/// A size with one decimal and a unit of 1024.
pub(super) fn size(bytes: u64) -> String {
    let units = [("G", 1_u64 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            // Tenths in whole numbers: a size of exbibytes times ten does not fit.
            let tenths = (bytes % unit) * 10 / unit;
            format!("{}.{tenths}{name}", bytes / unit)
        }
        None => format!("{bytes}B"),
    }
}

/// A value, or a dash for none.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let header = [
            ("NAME", Align::Left),
            ("N", Align::Right),
            ("END", Align::Left),
        ];
        let rows = vec![
            ["käse".into(), "1".into(), "x".into()],
            ["a".into(), "12345".into(), String::new()],
        ];
        assert_eq!(
            table(header, rows),
            "NAME      N  END\nkäse      1  x\na     12345\n"
        );
    }

    #[test]
    fn sizes_are_short() {
        let table = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (26_214_400, "25.0M"),
            (1_610_612_736, "1.5G"),
            (u64::MAX, "17179869183.9G"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
    }
}
