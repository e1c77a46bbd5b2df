//! Header fields: the stock map with its rules, in a place of its own while there is one.

use super::{QUICK, Quick, QuickView, gone, is_quick};
use http::HeaderName;
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::types::HostFields;
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult};
use wasmtime_wasi_http::{FieldMap, FieldMapError, WasiHttpHooks};

impl QuickView<'_> {
    pub(super) fn push_fields(&mut self, fields: FieldMap) -> Result<Resource<FieldMap>> {
        let place = self.quick().fields.iter().position(Option::is_none);
        match place {
            Some(place) => {
                self.quick().fields[place] = Some(fields);
                Ok(Resource::new_own(QUICK + u32::try_from(place)?))
            }
            None => Ok(self.table().push(fields)?),
        }
    }

    pub(super) fn fields(&mut self, fields: &Resource<FieldMap>) -> Result<&mut FieldMap> {
        let (quick, table, _) = self.0.http_parts();
        find(quick, table, fields)
    }

    pub(super) fn take_fields(&mut self, fields: Resource<FieldMap>) -> Result<FieldMap> {
        match is_quick(&fields) {
            true => place(self.quick(), &fields).and_then(Option::take).ok_or_else(gone),
            false => Ok(self.table().delete(fields)?),
        }
    }

    /// Changes fields under the rules of names and values.
    fn change<T>(
        &mut self,
        fields: &Resource<FieldMap>,
        change: impl FnOnce(&mut FieldMap, &mut dyn WasiHttpHooks) -> Result<T, FieldMapError>,
    ) -> HeaderResult<()> {
        let (quick, table, hooks) = self.0.http_parts();
        let fields = find(quick, table, fields).map_err(HeaderError::trap)?;
        change(fields, hooks)?;
        Ok(())
    }
}

fn place<'a>(quick: &'a mut Quick, fields: &Resource<FieldMap>) -> Option<&'a mut Option<FieldMap>> {
    quick.fields.get_mut((fields.rep() - QUICK) as usize)
}

fn find<'a>(
    quick: &'a mut Quick,
    table: &'a mut ResourceTable,
    fields: &Resource<FieldMap>,
) -> Result<&'a mut FieldMap> {
    match is_quick(fields) {
        true => place(quick, fields).and_then(Option::as_mut).ok_or_else(gone),
        false => Ok(table.get_mut(fields)?),
    }
}

impl HostFields for QuickView<'_> {
    fn new(&mut self) -> Result<Resource<FieldMap>> {
        let limit = self.0.call.hosted.limits().fields;
        self.push_fields(FieldMap::new_mutable(limit))
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>> {
        let mut fields = FieldMap::new_mutable(self.0.call.hosted.limits().fields);
        let (_, _, hooks) = self.0.http_parts();
        for (name, value) in entries {
            fields.append(hooks, name, value)?;
        }
        self.push_fields(fields).map_err(HeaderError::trap)
    }

    fn drop(&mut self, fields: Resource<FieldMap>) -> Result<()> {
        self.take_fields(fields).map(drop)
    }

    fn get(&mut self, fields: Resource<FieldMap>, name: String) -> Result<Vec<Vec<u8>>> {
        let fields = self.fields(&fields)?;
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Ok(Vec::new()) };
        Ok(fields.get_all(&name).into_iter().map(|value| value.as_bytes().to_owned()).collect())
    }

    fn has(&mut self, fields: Resource<FieldMap>, name: String) -> Result<bool> {
        let fields = self.fields(&fields)?;
        Ok(HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| fields.contains_key(&name)))
    }

    fn set(&mut self, fields: Resource<FieldMap>, name: String, values: Vec<Vec<u8>>) -> HeaderResult<()> {
        self.change(&fields, |fields, hooks| fields.set(hooks, name, values))
    }

    fn delete(&mut self, fields: Resource<FieldMap>, name: String) -> HeaderResult<()> {
        self.change(&fields, |fields, hooks| fields.remove_all(hooks, name))
    }

    fn append(&mut self, fields: Resource<FieldMap>, name: String, value: Vec<u8>) -> HeaderResult<()> {
        self.change(&fields, |fields, hooks| fields.append(hooks, name, value))
    }

    fn entries(&mut self, fields: Resource<FieldMap>) -> Result<Vec<(String, Vec<u8>)>> {
        let owned =
            |(name, value): (&HeaderName, &http::HeaderValue)| (name.as_str().to_owned(), value.as_bytes().to_owned());
        Ok(self.fields(&fields)?.iter().map(owned).collect())
    }

    fn clone(&mut self, fields: Resource<FieldMap>) -> Result<Resource<FieldMap>> {
        let mut fields = self.fields(&fields)?.clone();
        fields.set_mutable(self.0.call.hosted.limits().fields);
        self.push_fields(fields)
    }
}
