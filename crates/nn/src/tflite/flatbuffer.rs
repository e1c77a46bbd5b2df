//! A FlatBuffer reader that believes nothing: every offset and length is checked before it is followed.
//!
//! Reads are unaligned and little-endian. There is no recursion here: a table is entered only where the schema of a
//! caller names it, so that cycles in the file can't be followed without end.

use crate::Error;

/// A whole file.
#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a>(pub(super) &'a [u8]);

/// A table of the file, with its field list already bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    file: File<'a>,
    at: usize,
    fields: &'a [u8],
    what: &'static str,
}

impl<'a> File<'a> {
    fn array<const N: usize>(self, at: usize, what: &'static str) -> Result<[u8; N], Error> {
        let bytes = self.slice(at, N, what)?;
        bytes.try_into().map_err(|_| Error::Truncated { what, at })
    }

    fn slice(self, at: usize, len: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let end = at.checked_add(len).ok_or(Error::Truncated { what, at })?;
        self.0.get(at..end).ok_or(Error::Truncated { what, at })
    }

    /// The position that the offset stored at `at` leads to.
    fn follow(self, at: usize, what: &'static str) -> Result<usize, Error> {
        let offset = u32::from_le_bytes(self.array(at, what)?) as usize;
        at.checked_add(offset).filter(|_| offset != 0).ok_or(Error::Truncated { what, at })
    }

    /// The table that the file is about.
    pub(super) fn root(self, what: &'static str) -> Result<Table<'a>, Error> {
        self.table(self.follow(0, what)?, what)
    }

    fn table(self, at: usize, what: &'static str) -> Result<Table<'a>, Error> {
        let back = i64::from(i32::from_le_bytes(self.array(at, what)?));
        // Both operands are far inside i64: `at` is below the file's length, `back` is 32 bits wide.
        let vtable = usize::try_from(at as i64 - back).map_err(|_| Error::Truncated { what, at })?;
        let len = usize::from(u16::from_le_bytes(self.array(vtable, what)?));
        Ok(Table { file: self, at, fields: self.slice(vtable, len.max(4), what)?, what })
    }
}

impl<'a> Table<'a> {
    /// Where the field is stored; none where it has its default.
    fn field(&self, number: usize) -> Option<usize> {
        let entry = self.fields.get(4 + 2 * number..6 + 2 * number)?;
        let offset = usize::from(u16::from_le_bytes([entry[0], entry[1]]));
        (offset != 0).then_some(self.at + offset)
    }

    fn scalar<const N: usize>(&self, number: usize) -> Result<Option<[u8; N]>, Error> {
        self.field(number).map(|at| self.file.array(at, self.what)).transpose()
    }

    /// Whether the field is there at all.
    pub(super) fn has(&self, number: usize) -> bool {
        self.field(number).is_some()
    }

    /// A byte: also the type of enumerations and booleans.
    pub(super) fn i8(&self, number: usize, default: i8) -> Result<i8, Error> {
        Ok(self.scalar::<1>(number)?.map_or(default, |[byte]| byte as i8))
    }

    /// A boolean whose default is false.
    pub(super) fn bool(&self, number: usize) -> Result<bool, Error> {
        Ok(self.i8(number, 0)? != 0)
    }

    pub(super) fn i32(&self, number: usize, default: i32) -> Result<i32, Error> {
        Ok(self.scalar(number)?.map_or(default, i32::from_le_bytes))
    }

    pub(super) fn f32(&self, number: usize, default: f32) -> Result<f32, Error> {
        Ok(self.scalar(number)?.map_or(default, f32::from_le_bytes))
    }

    /// A table in a field.
    pub(super) fn table(&self, number: usize, what: &'static str) -> Result<Option<Table<'a>>, Error> {
        let Some(at) = self.field(number) else { return Ok(None) };
        self.file.table(self.file.follow(at, what)?, what).map(Some)
    }

    /// The bytes of a vector of elements of this size; empty where the field is missing.
    pub(super) fn vector(&self, number: usize, element: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let Some(field) = self.field(number) else { return Ok(&[]) };
        let at = self.file.follow(field, what)?;
        let len = u32::from_le_bytes(self.file.array(at, what)?) as usize;
        let bytes = len.checked_mul(element).ok_or(Error::Truncated { what, at })?;
        self.file.slice(at + 4, bytes, what)
    }

    /// A vector of 32-bit integers, of at most `maximum` elements.
    pub(super) fn i32s(&self, number: usize, what: &'static str, maximum: usize) -> Result<Vec<i32>, Error> {
        let (words, _) = self.vector(number, 4, what)?.as_chunks::<4>();
        Error::check_limit(what, maximum, words.len())?;
        Ok(words.iter().map(|word| i32::from_le_bytes(*word)).collect())
    }

    /// A text. Names are for messages only, so broken UTF-8 is shown as such.
    pub(super) fn text(&self, number: usize, maximum: usize) -> Result<String, Error> {
        let bytes = self.vector(number, 1, "name")?;
        Ok(String::from_utf8_lossy(&bytes[..bytes.len().min(maximum)]).into_owned())
    }

    /// A vector of tables, of at most `maximum` elements.
    pub(super) fn tables(&self, number: usize, what: &'static str, maximum: usize) -> Result<Vec<Table<'a>>, Error> {
        let Some(field) = self.field(number) else { return Ok(Vec::new()) };
        let (offsets, _) = self.vector(number, 4, what)?.as_chunks::<4>();
        Error::check_limit(what, maximum, offsets.len())?;
        let start = self.file.follow(field, what)? + 4;
        let entry = |index: usize| self.file.table(self.file.follow(start + 4 * index, what)?, what);
        (0..offsets.len()).map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root offset 8, a vtable at 8..16 with two fields, the table at 16.
    fn file() -> Vec<u8> {
        let mut bytes = vec![16, 0, 0, 0, b'T', b'F', b'L', b'3'];
        bytes.extend([8, 0, 12, 0, 4, 0, 8, 0]);
        bytes.extend([8, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0]);
        bytes.extend([2, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0]);
        bytes
    }

    #[test]
    fn fields_are_read_and_missing_ones_have_their_default() {
        let bytes = file();
        let root = File(&bytes).root("root").unwrap();
        assert_eq!(root.i32(0, 1), Ok(7));
        assert_eq!(root.i32(2, 3), Ok(3));
        assert_eq!(root.i32s(1, "list", 2), Ok(vec![5, 6]));
    }

    #[test]
    fn a_list_longer_than_its_bound_is_refused() {
        let bytes = file();
        let root = File(&bytes).root("root").unwrap();
        assert_eq!(root.i32s(1, "list", 1), Error::check_limit("list", 1, 2).map(|()| vec![]));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = file();
        for len in 0..bytes.len() {
            let cut = File(&bytes[..len]);
            let read = cut.root("root").and_then(|root| root.i32s(1, "list", 2));
            assert!(read.is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_vtable_before_the_file_is_an_error() {
        let mut bytes = file();
        bytes[16] = 200;
        assert!(File(&bytes).root("root").is_err());
    }
}
