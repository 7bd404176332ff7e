//! What looks like chance and is made from a number, so that what began together does not end
//! together. Depends on nothing.

/// From 0 to 1000; neighbouring seeds are far apart (`SplitMix64`, Steele and others, 2014).
pub(crate) fn permille(seed: u64) -> u32 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let upper = (mixed ^ (mixed >> 31)) >> 32;
    u32::try_from((upper * 1001) >> 32).unwrap_or_default()
}

/// The number, up to a tenth less or more.
pub(crate) fn varied(number: u64, permille: u32) -> u64 {
    let tenth = number / 10;
    let part = tenth.saturating_mul(2 * u64::from(permille.min(1000))) / 1000;
    (number - tenth).saturating_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_spread_over_the_whole_range() {
        let numbers: Vec<u32> = (4000..4100).map(permille).collect();
        assert!(numbers.iter().all(|number| *number <= 1000));
        let tenths = (0..10).filter(|tenth| numbers.iter().any(|number| number / 100 == *tenth));
        assert_eq!(tenths.count(), 10, "{numbers:?}");
    }

    #[test]
    fn a_number_is_varied_by_a_tenth_at_most() {
        assert_eq!(
            [0, 500, 1000, 2000].map(|p| varied(1000, p)),
            [900, 1000, 1100, 1100]
        );
        assert_eq!(
            [0, 1000].map(|p| varied(u32::MAX.into(), p)),
            [3_865_470_566, 4_724_464_024]
        );
        assert_eq!([0, 1000].map(|p| varied(1, p)), [1, 1]);
    }
}
