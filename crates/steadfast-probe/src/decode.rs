//! Content codings (RFC 9110, 8.4.1), never decoding more than was asked for: a bomb costs what a page costs.

use std::io::Read;

use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;

/// What we say that we can read.
pub const ACCEPTED: &str = "gzip, br, zstd, deflate";

/// Decoded bytes, and whether there was more.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// At most as many as were asked for.
    pub bytes: Vec<u8>,
    /// Whether something was left out.
    pub cut: bool,
}

/// Undoes the codings of a body, the last applied first. `cut` says that the body itself was not read to its end.
pub fn decode(codings: &str, body: Vec<u8>, cut: bool, limit: usize) -> Result<Decoded, Trouble> {
    let mut decoded = Decoded { bytes: body, cut };
    for coding in codings.rsplit(',').map(|coding| coding.trim().to_ascii_lowercase()) {
        let bytes = std::mem::take(&mut decoded.bytes);
        let bytes = bytes.as_slice();
        let step = match coding.as_str() {
            "" | "identity" => Ok(Decoded { bytes: bytes.to_vec(), cut: decoded.cut }),
            "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(bytes), decoded.cut, limit),
            // RFC 9110 means zlib; some servers send raw deflate, and browsers take both.
            "deflate" if bytes.first().is_some_and(|byte| byte & 0x0f == 8) => {
                read(flate2::read::ZlibDecoder::new(bytes), decoded.cut, limit)
            }
            "deflate" => read(flate2::read::DeflateDecoder::new(bytes), decoded.cut, limit),
            "br" => read(brotli_decompressor::Decompressor::new(bytes, 4096), decoded.cut, limit),
            "zstd" => match zstd::stream::read::Decoder::new(bytes) {
                Ok(mut decoder) => match decoder.window_log_max(23) {
                    Ok(()) => read(decoder, decoded.cut, limit),
                    Err(why) => Err(why.to_string()),
                },
                Err(why) => Err(why.to_string()),
            },
            unknown => Err(format!("unknown coding `{unknown}`")),
        };
        decoded =
            step.map_err(|why| Trouble::new(codes::BAD_ENCODING, format!("Content-Encoding {codings}: {why}")))?;
    }
    if decoded.bytes.len() > limit {
        decoded.bytes.truncate(limit);
        decoded.cut = true;
    }
    Ok(decoded)
}

fn read(decoder: impl Read, cut: bool, limit: usize) -> Result<Decoded, String> {
    let mut bytes = Vec::new();
    match decoder.take(limit as u64 + 1).read_to_end(&mut bytes) {
        Ok(_) => {
            let more = bytes.len() > limit;
            bytes.truncate(limit);
            Ok(Decoded { bytes, cut: cut || more })
        }
        // The end of a body that we did not read to its end is no fault of the target.
        Err(_) if cut => Ok(Decoded { bytes, cut: true }),
        Err(why) => Err(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_costs_what_a_page_costs() {
        let bomb = gzip(&vec![0; 5_000_000]);
        let decoded = decode("gzip", bomb, false, 1000).unwrap();
        assert_eq!((decoded.bytes.len(), decoded.cut), (1000, true));
    }

    #[test]
    fn every_accepted_coding_is_read() {
        let page = b"Timothy, the one who honours".to_vec();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&page).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(&page).unwrap();
        // What Node's zlib.brotliCompressSync makes of the page.
        let mut brotli = vec![0x8b, 0x0d, 0x80];
        brotli.extend_from_slice(&page);
        brotli.push(0x03);
        for (coding, body) in [
            ("gzip", gzip(&page)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
            ("zstd", zstd::bulk::compress(&page, 1).unwrap()),
            ("gzip, gzip", gzip(&gzip(&page))),
            ("br", brotli),
            ("", page.clone()),
        ] {
            let decoded = decode(coding, body, false, 1000).map(|decoded| decoded.bytes);
            assert_eq!(decoded, Ok(page.clone()), "{coding}");
        }
    }

    #[test]
    fn a_body_that_is_not_what_it_says_is_the_targets_fault_unless_we_cut_it() {
        assert_eq!(decode("gzip", b"not gzip".to_vec(), false, 1000).unwrap_err().code, "bad-encoding");
        let whole = gzip(&[7; 5000]);
        assert!(decode("gzip", whole[..10].to_vec(), true, 1000).unwrap().cut);
        assert_eq!(decode("gzip", whole[..10].to_vec(), false, 1000).unwrap_err().code, "bad-encoding");
        assert_eq!(decode("rot13", Vec::new(), false, 1000).unwrap_err().code, "bad-encoding");
    }
}
