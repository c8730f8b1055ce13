//! Request, resource and scope.

use serde::{Serialize, Serializer};

use super::object::{List, Object};
use crate::otlp::{EntityRef, Request, Resource, ResourceSpans, Scope, ScopeSpans};

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.list("resourceSpans", self.resource_spans())?;
        object.end()
    }
}

impl Serialize for ResourceSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        if self.has_resource() {
            object.any("resource", &self.resource())?;
        }
        object.list("scopeSpans", self.scope_spans())?;
        object.text("schemaUrl", self.schema_url())?;
        object.end()
    }
}

impl Serialize for Resource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.list("attributes", self.attributes())?;
        object.number("droppedAttributesCount", self.dropped_attributes)?;
        object.list("entityRefs", self.entity_refs())?;
        object.end()
    }
}

/// Written with its default values: `opentelemetry-proto` requires every field.
impl Serialize for EntityRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.any("schemaUrl", self.schema_url)?;
        object.any("type", self.entity_type)?;
        object.any("idKeys", &List(self.id_keys()))?;
        object.any("descriptionKeys", &List(self.description_keys()))?;
        object.end()
    }
}

impl Serialize for ScopeSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        if self.has_scope() {
            object.any("scope", &self.scope())?;
        }
        object.list("spans", self.spans())?;
        object.text("schemaUrl", self.schema_url())?;
        object.end()
    }
}

impl Serialize for Scope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.text("name", self.name)?;
        object.text("version", self.version)?;
        object.list("attributes", self.attributes())?;
        object.number("droppedAttributesCount", self.dropped_attributes)?;
        object.end()
    }
}
