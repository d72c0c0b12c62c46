//! Whether a received value fits a Go type, by the rules of Go's own decoder.
//!
//! In: a message and a [`GoType`]. Out: yes, or what does not fit. Types are compared from the definitions,
//! before any value; then values: ranges, registered names, times.

use std::collections::HashSet;

use super::{GoType, Registry};
use crate::decoder::Message;
use crate::error::{Error, Result};
use crate::time::Time;
use crate::types::{Kind, OpaqueKind, TypeId, Types};
use crate::value::Value;

impl Registry {
    /// Fails unless a Go variable of type `ty` would take this message.
    ///
    /// Struct fields are matched by name; received fields that `ty` lacks are skipped, fields it has and
    /// the message lacks keep their value. There is no conversion between kinds. Values inside wanted
    /// interfaces must be registered.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with what does not fit.
    pub fn check(&self, message: &Message<'_>, ty: &GoType) -> Result<()> {
        self.check_type(message.types(), message.type_id(), ty)?;
        self.check_value(message.types(), &message.to_value()?, ty)
    }

    /// Compares definitions with `ty`, each pair once: the work is bounded by their product, and there is
    /// no recursion.
    pub fn check_type(&self, types: &Types, id: TypeId, ty: &GoType) -> Result<()> {
        let mut seen: HashSet<(TypeId, *const GoType)> = HashSet::new();
        let mut open = vec![(id, self.resolve(ty)?)];
        while let Some((id, ty)) = open.pop() {
            if !seen.insert((id, std::ptr::from_ref(ty))) {
                continue;
            }
            let fits = match (id, ty) {
                (TypeId::BOOL, GoType::Bool)
                | (TypeId::INT, GoType::Int(_))
                | (TypeId::UINT, GoType::Uint(_))
                | (TypeId::FLOAT, GoType::Float(_))
                | (TypeId::COMPLEX, GoType::Complex(_))
                | (TypeId::STRING, GoType::String)
                | (TypeId::BYTES, GoType::Bytes)
                | (TypeId::INTERFACE, GoType::Interface) => true,
                (id, ty) => self.check_defined(types, id, ty, &mut open)?,
            };
            if !fits {
                return Err(Error::mismatch(format!("received {}, wanted {ty:?}", describe(types, id))));
            }
        }
        Ok(())
    }

    fn check_defined<'a>(
        &'a self,
        types: &Types,
        id: TypeId,
        ty: &'a GoType,
        open: &mut Vec<(TypeId, &'a GoType)>,
    ) -> Result<bool> {
        let Some(definition) = types.get(id) else { return Ok(false) };
        match (&definition.kind, ty) {
            (Kind::Slice { elem }, GoType::Slice(wanted)) => open.push((*elem, self.resolve(wanted)?)),
            (Kind::Array { elem, len }, GoType::Array(of, wanted)) if len == of => {
                open.push((*elem, self.resolve(wanted)?));
            }
            (Kind::Map { key, elem }, GoType::Map(wanted_key, wanted)) => {
                open.push((*key, self.resolve(wanted_key)?));
                open.push((*elem, self.resolve(wanted)?));
            }
            (Kind::Opaque(OpaqueKind::Gob), GoType::Time) => {}
            (Kind::Opaque(kind), GoType::Opaque(wanted)) if kind == wanted => {}
            (Kind::Struct { fields }, GoType::Struct(wanted)) => {
                let mut common = false;
                for field in fields {
                    if let Some((_, ty)) = wanted.iter().find(|(name, _)| **name == *field.name) {
                        common = true;
                        open.push((field.ty, self.resolve(ty)?));
                    }
                }
                if !common && !fields.is_empty() && !wanted.is_empty() {
                    return Err(Error::mismatch(format!("no field of {:?} is known here", definition.name)));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn check_value(&self, types: &Types, value: &Value, ty: &GoType) -> Result<()> {
        let out_of_range = |n: &dyn std::fmt::Display| Err(Error::mismatch(format!("{n} is out of range")));
        match (value, self.resolve(ty)?) {
            (Value::Int(n), GoType::Int(bits)) => {
                let spare = 64 - u32::from(*bits);
                if (n << spare) >> spare != *n { out_of_range(n) } else { Ok(()) }
            }
            (Value::Uint(n), GoType::Uint(bits)) => {
                if n.checked_shr(u32::from(*bits)).unwrap_or(0) != 0 {
                    out_of_range(n)
                } else {
                    Ok(())
                }
            }
            (Value::Float(n), GoType::Float(32)) => narrow(*n),
            (Value::Complex(re, im), GoType::Complex(64)) => narrow(*re).and_then(|()| narrow(*im)),
            (Value::Opaque(_, bytes), GoType::Time) => Time::from_gob(bytes).map(drop),
            (Value::Slice(items), GoType::Slice(elem)) | (Value::Array(items), GoType::Array(_, elem)) => {
                items.iter().try_for_each(|item| self.check_value(types, item, elem))
            }
            (Value::Map(entries), GoType::Map(key, elem)) => entries.iter().try_for_each(|(k, v)| {
                self.check_value(types, k, key)?;
                self.check_value(types, v, elem)
            }),
            (Value::Struct(fields), GoType::Struct(wanted)) => fields.iter().try_for_each(|(name, value)| {
                match wanted.iter().find(|(wanted, _)| **wanted == **name) {
                    Some((_, ty)) => self.check_value(types, value, ty),
                    None => Ok(()),
                }
            }),
            (Value::Interface(Some(inside)), GoType::Interface) => {
                let name = inside.name();
                let Some(ty) = self.registered(name) else {
                    return Err(Error::mismatch(format!("{name:?} is not registered")));
                };
                if let Some(id) = inside.type_id() {
                    self.check_type(types, id, ty)?;
                }
                self.check_value(types, inside.value(), ty)
            }
            _ => Ok(()),
        }
    }
}

/// Finite numbers beyond float32 are refused; precision may be lost, infinities and NaN pass.
fn narrow(n: f64) -> Result<()> {
    if n.is_finite() && n.abs() > f64::from(f32::MAX) {
        return Err(Error::mismatch(format!("{n} is out of range for float32")));
    }
    Ok(())
}

/// A received type in words.
fn describe(types: &Types, id: TypeId) -> String {
    match (id, types.get(id)) {
        (TypeId::BOOL, _) => "bool".to_owned(),
        (TypeId::INT, _) => "a signed integer".to_owned(),
        (TypeId::UINT, _) => "an unsigned integer".to_owned(),
        (TypeId::FLOAT, _) => "a float".to_owned(),
        (TypeId::BYTES, _) => "[]byte".to_owned(),
        (TypeId::STRING, _) => "string".to_owned(),
        (TypeId::COMPLEX, _) => "a complex number".to_owned(),
        (TypeId::INTERFACE, _) => "an interface".to_owned(),
        (_, Some(definition)) => format!("{:?} {:?}", definition.name, definition.kind),
        (id, None) => format!("the unknown type {}", id.get()),
    }
}
