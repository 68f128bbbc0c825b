//! Unpacking gzip piece by piece, with its checksums verified.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// Compressed bytes are unpacked in pieces of this size, so that even the densest of them (1 : 1000) stay
/// within bounds once unpacked.
const PIECE_BYTES: usize = 16 << 10;

/// Unpacks one file of one or more gzip members.
///
/// Bytes come out before the checksum behind them was seen: only once the [end of their member](Unpacked::MemberEnd)
/// was told, or [`finish`](Self::finish) has said `Ok`, they are to be trusted.
pub struct Gunzip {
    member: GzDecoder<Vec<u8>>,
    /// Compressed bytes that were taken.
    taken: u64,
}

/// What comes of compressed bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Unpacked<'a> {
    /// The next bytes of the text.
    Text(&'a [u8]),
    /// A member has ended, its checksum is right, and another one follows after so many compressed bytes.
    MemberEnd(u64),
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { member: GzDecoder::new(Vec::new()), taken: 0 }
    }
}

impl Gunzip {
    /// Unpacks the next bytes and hands out what comes of them.
    ///
    /// # Errors
    /// [`Damaged`] as soon as it shows, or what `take` says.
    pub fn push<E: From<Damaged>>(
        &mut self,
        compressed: &[u8],
        mut take: impl FnMut(Unpacked<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for mut piece in compressed.chunks(PIECE_BYTES) {
            while !piece.is_empty() {
                let taken = self.member.write(piece).map_err(Damaged::from)?;
                if taken == 0 {
                    self.end_member(&mut take)?;
                    take(Unpacked::MemberEnd(self.taken))?;
                }
                piece = &piece[taken..];
                self.taken += taken as u64;
                self.hand_out(&mut take)?;
            }
        }
        Ok(())
    }

    /// The file has ended: verifies the trailer and hands out what is left.
    ///
    /// # Errors
    /// [`Damaged`] if the file is cut off or its checksum does not fit, or what `take` says.
    pub fn finish<E: From<Damaged>>(
        mut self,
        mut take: impl FnMut(Unpacked<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.end_member(&mut take)
    }

    /// Verifies the trailer, and is ready for another member.
    fn end_member<E: From<Damaged>>(
        &mut self,
        take: &mut impl FnMut(Unpacked<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.member.try_finish().map_err(Damaged::from)?;
        self.hand_out(take)?;
        let text = std::mem::take(self.member.get_mut());
        self.member = GzDecoder::new(text);
        Ok(())
    }

    fn hand_out<E>(
        &mut self,
        take: &mut impl FnMut(Unpacked<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let text = self.member.get_mut();
        if !text.is_empty() {
            take(Unpacked::Text(text))?;
            text.clear();
        }
        Ok(())
    }
}

/// The file is cut off, its checksum does not fit, or it is no gzip at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its gzip data are damaged or cut off: {0}")]
pub struct Damaged(String);

impl From<io::Error> for Damaged {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Unpacks a file that comes in pieces of `size` bytes.
    fn gunzip(file: &[u8], size: usize) -> Result<Vec<u8>, Damaged> {
        gunzip_members(file, size).map(|(text, _)| text)
    }

    /// Where a member begins in text and file.
    type Beginnings = Vec<(usize, u64)>;

    /// The text, and where every member but the first begins.
    fn gunzip_members(file: &[u8], size: usize) -> Result<(Vec<u8>, Beginnings), Damaged> {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        let mut gunzip = Gunzip::default();
        let mut take = |unpacked: Unpacked<'_>| {
            match unpacked {
                Unpacked::Text(more) => text.extend_from_slice(more),
                Unpacked::MemberEnd(offset) => ends.push((text.len(), offset)),
            }
            Ok::<_, Damaged>(())
        };
        for piece in file.chunks(size) {
            gunzip.push(piece, &mut take)?;
        }
        gunzip.finish(&mut take)?;
        Ok((text, ends))
    }

    fn text() -> Vec<u8> {
        (0..5_000)
            .flat_map(|row: u32| {
                format!("{row}\t{}\n", row.wrapping_mul(2_654_435_761)).into_bytes()
            })
            .collect()
    }

    #[test]
    fn a_file_comes_out_whole_whatever_the_pieces() {
        let file = gzip(&text());
        for size in [1, 7, 4_096, file.len()] {
            assert_eq!(gunzip(&file, size).unwrap(), text());
        }
    }

    #[test]
    fn all_members_of_a_file_are_read() {
        let file = [gzip(b"one\n"), gzip(b""), gzip(b"two\n")].concat();
        for size in [1, 5, file.len()] {
            assert_eq!(gunzip(&file, size).unwrap(), b"one\ntwo\n");
        }
    }

    #[test]
    fn reading_can_begin_at_every_member() {
        let members = [gzip(b"one\n"), gzip(b""), gzip(&text()), gzip(b"four\n")];
        let file = members.concat();
        for size in [1, 5, 4_096, file.len()] {
            let (whole, ends) = gunzip_members(&file, size).unwrap();
            assert_eq!(ends.len(), 3);
            for (place, offset) in ends {
                let rest = gunzip(&file[offset as usize..], size).unwrap();
                assert_eq!(rest, whole[place..]);
            }
        }
    }

    #[test]
    fn a_member_with_a_wrong_checksum_never_ends() {
        let mut file = [gzip(b"one\n"), gzip(b"two\n")].concat();
        let checksum = gzip(b"one\n").len() - 8;
        file[checksum] ^= 1;
        let mut gunzip = Gunzip::default();
        let mut told = Vec::new();
        let ended = gunzip.push::<Damaged>(&file, |it| {
            told.push(matches!(it, Unpacked::MemberEnd(_)));
            Ok(())
        });
        ended.unwrap_err();
        assert!(!told.contains(&true));
    }

    #[test]
    fn no_cut_file_counts_wherever_it_is_cut() {
        let file = gzip(&text());
        for length in (0..file.len()).step_by(97).chain(file.len() - 9..file.len()) {
            gunzip(&file[..length], 64).expect_err(&format!("cut at {length} of {}", file.len()));
        }
    }

    #[test]
    fn a_wrong_checksum_and_a_wrong_length_are_noticed() {
        let file = gzip(&text());
        for from_end in [1, 8] {
            let mut damaged = file.clone();
            let index = damaged.len() - from_end;
            damaged[index] ^= 1;
            gunzip(&damaged, 64).unwrap_err();
        }
    }

    #[test]
    fn what_is_no_gzip_is_refused() {
        gunzip(b"<html>not what you want</html>", 8).unwrap_err();
        gunzip(&[gzip(b"one"), b"garbage".to_vec()].concat(), 8).unwrap_err();
    }
}
