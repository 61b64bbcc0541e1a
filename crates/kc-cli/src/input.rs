//! What is read of files and standard input: no more than makes sense.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// As many bytes as any file has that is read as a whole: exports of Authorization Services are the largest.
const LARGEST: u64 = 64 << 20;

/// What is in a file; `-` is standard input.
///
/// # Errors
/// It can't be read, or is too large to be what it should.
pub(crate) fn file(path: &Path) -> Result<Vec<u8>, String> {
    let input: Result<Box<dyn Read>, io::Error> = match path.as_os_str() == OsStr::new("-") {
        true => Ok(Box::new(io::stdin().lock())),
        false => File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let read = input.and_then(|input| whole(input, LARGEST));
    match read.map_err(|error| format!("{name} can't be read: {error}"))? {
        Some(text) => Ok(text),
        None => Err(format!("{name} is larger than {} MiB, and so nothing that is read here", LARGEST >> 20)),
    }
}

/// All of it; `None` when it is longer than `most`, and no more was read than told that.
pub(crate) fn whole(input: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    input.take(most + 1).read_to_end(&mut text)?;
    Ok((text.len() as u64 <= most).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_it_may_be_is_not_read_to_its_end() {
        let endless = io::repeat(b'a');
        assert_eq!(whole(endless, 9).unwrap(), None);
        assert_eq!(whole(&b"123"[..], 3).unwrap(), Some(b"123".to_vec()));
    }

    #[test]
    fn a_folder_is_no_file() {
        let why = file(Path::new("/")).unwrap_err();
        assert!(why.starts_with("/ can't be read: "), "{why}");
    }
}
