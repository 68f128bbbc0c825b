//! Pre-signed links to result files, in the manner of S3.

use ring::hmac;

/// Signs links and checks them.
pub(crate) struct Signer(hmac::Key);

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Expired,
    WrongSignature,
}

impl Signer {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// `/objects/...?X-Amz-Expires=...&X-Amz-Signature=...`; `expires` is in seconds since 1970.
    pub(crate) fn sign(&self, path: &str, expires: i64) -> String {
        let signature = hmac::sign(&self.0, signed_text(path, expires).as_bytes());
        format!("{path}?X-Amz-Expires={expires}&X-Amz-Signature={}", hex::encode(signature))
    }

    pub(crate) fn check(
        &self,
        path: &str,
        expires: i64,
        signature: &str,
        now: i64,
    ) -> Result<(), Refusal> {
        let signature = hex::decode(signature).map_err(|_| Refusal::WrongSignature)?;
        hmac::verify(&self.0, signed_text(path, expires).as_bytes(), &signature)
            .map_err(|_| Refusal::WrongSignature)?;
        if now < expires { Ok(()) } else { Err(Refusal::Expired) }
    }
}

fn signed_text(path: &str, expires: i64) -> String {
    format!("{path}\n{expires}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_for_one_path_and_one_time() {
        let signer = Signer::new(b"secret");
        let link = signer.sign("/objects/1/part", 100);
        let signature = link.rsplit_once('=').expect("a link ends with its signature").1;
        assert_eq!(signer.check("/objects/1/part", 100, signature, 99), Ok(()));
        assert_eq!(signer.check("/objects/1/part", 100, signature, 100), Err(Refusal::Expired));
        assert_eq!(
            signer.check("/objects/2/part", 100, signature, 99),
            Err(Refusal::WrongSignature)
        );
        assert_eq!(
            signer.check("/objects/1/part", 200, signature, 99),
            Err(Refusal::WrongSignature)
        );
        assert_eq!(signer.check("/objects/1/part", 100, "zz", 99), Err(Refusal::WrongSignature));
    }
}
