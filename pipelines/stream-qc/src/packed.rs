//! Flags as they are kept: runs of equal ones. Those of good data take a few bytes, however many points there are.

use crate::flag::{Counts, Flag, RollUp};

/// The flags of a series, in runs: each a flag and its length as LEB128.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    rows: u64,
}

/// Flags that are being packed.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    packed: Packed,
    run: Option<(Flag, u64)>,
}

impl Packer {
    /// Takes in the flags of the next points.
    pub(crate) fn add(&mut self, flags: &[Flag]) {
        for equal in flags.chunk_by(|a, b| a == b) {
            let length = equal.len() as u64;
            match &mut self.run {
                Some((flag, before)) if *flag == equal[0] => *before += length,
                _ => {
                    self.end_run();
                    self.run = Some((equal[0], length));
                }
            }
        }
    }

    /// All flags.
    pub(crate) fn finish(mut self) -> Packed {
        self.end_run();
        self.packed
    }

    fn end_run(&mut self) {
        let Some((flag, length)) = self.run.take() else { return };
        self.packed.rows += length;
        self.packed.bytes.push(flag.value());
        let mut rest = length;
        while rest >= 0x80 {
            self.packed.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.packed.bytes.push(rest as u8);
    }
}

impl Packed {
    /// What was kept.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        let mut packed = Self { bytes, rows: 0 };
        packed.rows = packed.runs().map(|(_, length)| length).sum();
        packed
    }

    /// What is kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many flags there are.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The flags and how often each one follows itself.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Flag, u64)> {
        let mut bytes = self.bytes.iter().copied();
        std::iter::from_fn(move || {
            let flag = Flag::of_value(bytes.next()?).unwrap_or(Flag::Unknown);
            let (mut length, mut shift) = (0, 0_u32);
            for byte in bytes.by_ref() {
                length |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            Some((flag, length))
        })
    }
}

/// The counts of the roll-up of several tests, each of which has a flag for every point.
pub(crate) fn counts_of_roll_up(order: RollUp, tests: &[Packed]) -> Counts {
    let mut runs: Vec<_> = tests.iter().map(|test| test.runs().peekable()).collect();
    let mut counts = Counts::default();
    let mut taken = vec![0; runs.len()];
    while let Some(length) =
        runs.iter_mut().zip(&taken).filter_map(|(it, taken)| Some(it.peek()?.1 - taken)).min()
    {
        let flags = runs.iter_mut().filter_map(|it| it.peek().map(|run| run.0));
        let rolled = flags.reduce(|one, other| order.of_two(one, other));
        counts.add(rolled.unwrap_or(Flag::Unknown), length);
        for (runs, taken) in runs.iter_mut().zip(&mut taken) {
            *taken += length;
            if runs.next_if(|run| run.1 == *taken).is_some() {
                *taken = 0;
            }
        }
    }
    counts
}

/// Flags by position.
#[derive(Debug)]
pub(crate) struct ByPosition {
    /// Where each run ends, and its flag.
    ends: Vec<(u64, Flag)>,
}

impl ByPosition {
    pub(crate) fn of(packed: &Packed) -> Self {
        let mut end = 0;
        let run = |(flag, length): (Flag, u64)| {
            end += length;
            (end, flag)
        };
        Self { ends: packed.runs().map(run).collect() }
    }

    /// The flag of a row, if there are so many.
    pub(crate) fn get(&self, row: u64) -> Option<Flag> {
        let at = self.ends.partition_point(|(end, _)| *end <= row);
        self.ends.get(at).map(|(_, flag)| *flag)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flag::roll_up;

    fn flags() -> impl Strategy<Value = Vec<Flag>> {
        prop::collection::vec((0_usize..5, 1_usize..300), 0..50).prop_map(|runs| {
            runs.iter().flat_map(|(flag, length)| vec![Flag::ALL[*flag]; *length]).collect()
        })
    }

    fn packed(flags: &[Flag], chunk: usize) -> Packed {
        let mut packer = Packer::default();
        flags.chunks(chunk).for_each(|flags| packer.add(flags));
        packer.finish()
    }

    proptest! {
        #[test]
        fn flags_are_unpacked_as_they_were_packed(flags in flags(), chunk in 1_usize..400) {
            let packed = Packed::of_bytes(packed(&flags, chunk).bytes().to_vec());
            let unpacked: Vec<_> =
                packed.runs().flat_map(|(flag, length)| vec![flag; length as usize]).collect();
            let by_position = ByPosition::of(&packed);
            let one_by_one: Vec<_> = (0..).map_while(|row| by_position.get(row)).collect();
            prop_assert_eq!(packed.rows(), flags.len() as u64);
            prop_assert_eq!(&unpacked, &flags);
            prop_assert_eq!(&one_by_one, &flags);
        }

        #[test]
        fn packed_flags_roll_up_as_others(one in flags(), other in flags()) {
            let points = one.len().min(other.len());
            let tests = [&one[..points], &other[..points]];
            let rolled = roll_up(RollUp::Strict, points, tests);
            let packed = tests.map(|flags| packed(flags, 100));
            prop_assert_eq!(counts_of_roll_up(RollUp::Strict, &packed), Counts::of(&rolled));
        }
    }

    #[test]
    fn good_data_take_a_few_bytes() {
        assert_eq!(packed(&vec![Flag::Good; 10_000_000], 16_384).bytes().len(), 5);
    }
}
