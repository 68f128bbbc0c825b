//! Unpacking gzip piece by piece, with its checksums verified.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

/// Compressed bytes are unpacked in pieces of this size, so that even the densest of them (1 : 1000) stay
/// within bounds once unpacked.
const PIECE_BYTES: usize = 16 << 10;

/// Unpacks one file of one or more gzip members.
///
/// Bytes come out before the checksum behind them was seen: only after [`finish`](Self::finish) has said
/// `Ok` they are to be trusted.
pub struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()) }
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
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for piece in compressed.chunks(PIECE_BYTES) {
            self.decoder.write_all(piece).map_err(Damaged::from)?;
            self.hand_out(&mut take)?;
        }
        Ok(())
    }

    /// The file has ended: verifies the trailer and hands out what is left.
    ///
    /// # Errors
    /// [`Damaged`] if the file is cut off or its checksum does not fit, or what `take` says.
    pub fn finish<E: From<Damaged>>(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.decoder.try_finish().map_err(Damaged::from)?;
        self.hand_out(&mut take)
    }

    fn hand_out<E>(&mut self, take: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let unpacked = self.decoder.get_mut();
        if !unpacked.is_empty() {
            take(unpacked)?;
            unpacked.clear();
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
        let mut text = Vec::new();
        let mut gunzip = Gunzip::default();
        for piece in file.chunks(size) {
            gunzip.push::<Damaged>(piece, |unpacked| {
                text.extend_from_slice(unpacked);
                Ok(())
            })?;
        }
        gunzip.finish::<Damaged>(|unpacked| {
            text.extend_from_slice(unpacked);
            Ok(())
        })?;
        Ok(text)
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
