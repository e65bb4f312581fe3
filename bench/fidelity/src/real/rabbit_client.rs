//! What does a client of RabbitMQ see? Names, messages and refusals of lapin in the words of the scripts.

use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Error, ErrorKind};
use mqlab_core::message::{Headers, Value};

use crate::broker::Result;
use crate::script::Step;
use crate::seen::{self, Death};

/// The reply code with which the broker closed a channel or refused something; none for any other failure.
pub(super) fn code(error: &Error) -> Option<u16> {
    if let ErrorKind::ProtocolError(error) = error.kind() { Some(error.get_id()) } else { None }
}

/// Headers as AMQP writes them.
pub(super) fn table(headers: &Headers) -> Result<FieldTable> {
    let mut table = FieldTable::default();
    for (name, value) in headers.iter() {
        let value = match value {
            Value::Null => AMQPValue::Void,
            Value::Bool(value) => AMQPValue::Boolean(*value),
            Value::Int(value) => AMQPValue::LongLongInt(*value),
            Value::Double(value) => AMQPValue::Double(*value),
            Value::Text(text) => AMQPValue::LongString(text.as_bytes().to_vec().into()),
            other => return Err(format!("no header can be {other}").into()),
        };
        table.insert(name.into(), value);
    }
    Ok(table)
}

/// The properties of the messages that a step publishes.
pub(super) fn properties(step: &Step) -> Result<BasicProperties> {
    let persistent = step.setting("persistent") != Some(&Value::Bool(false));
    let mut properties = BasicProperties::default().with_delivery_mode(if persistent { 2 } else { 1 });
    let headers = step.headers("h.");
    if !headers.is_empty() {
        properties = properties.with_headers(table(&headers)?);
    }
    if let Some(millis) = step.number("expiration") {
        properties = properties.with_expiration(millis.to_string().into());
    }
    if let Some(priority) = step.number("priority") {
        properties = properties.with_priority(u8::try_from(priority)?);
    }
    Ok(properties)
}

fn text(value: Option<&AMQPValue>) -> String {
    match value {
        Some(AMQPValue::LongString(text)) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        Some(AMQPValue::ShortString(text)) => text.to_string(),
        _ => String::new(),
    }
}

fn number(value: Option<&AMQPValue>) -> Option<u64> {
    match value? {
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        AMQPValue::ShortShortUInt(number) => Some((*number).into()),
        AMQPValue::ShortShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortUInt(number) => Some((*number).into()),
        _ => None,
    }
}

/// The header `x-death`.
fn deaths(headers: &FieldTable) -> Vec<Death> {
    let Some(AMQPValue::FieldArray(lines)) = headers.inner().get("x-death") else { return Vec::new() };
    let line = |line: &AMQPValue| {
        let AMQPValue::FieldTable(fields) = line else { return None };
        let field = |name: &str| fields.inner().get(name);
        let keys = match field("routing-keys") {
            Some(AMQPValue::FieldArray(keys)) => keys.as_slice().iter().map(|key| text(Some(key))).collect(),
            _ => Vec::new(),
        };
        Some(Death {
            queue: text(field("queue")),
            reason: text(field("reason")),
            count: number(field("count")).unwrap_or_default(),
            exchange: text(field("exchange")),
            keys,
            expiration: field("original-expiration").map(|span| text(Some(span))),
        })
    };
    lines.as_slice().iter().filter_map(line).collect()
}

/// A message as its consumer sees it.
pub(super) fn seen(delivery: &Delivery, shows_route: bool) -> seen::Message {
    let none = FieldTable::default();
    let headers = delivery.properties.headers().as_ref().unwrap_or(&none);
    let mut marks = Vec::new();
    for name in ["x-first-death-queue", "x-first-death-reason"] {
        if headers.contains_key(name) {
            marks.push(format!("{name}={:?}", text(headers.inner().get(name))));
        }
    }
    let failed = number(headers.inner().get("x-delivery-count")).filter(|count| *count > 0);
    marks.extend(failed.map(|count| format!("x-delivery-count={count}")));
    seen::Message {
        body: String::from_utf8_lossy(&delivery.data).into_owned(),
        tag: Some(delivery.delivery_tag),
        redelivered: delivery.redelivered,
        route: shows_route.then(|| (delivery.exchange.to_string(), delivery.routing_key.to_string())),
        expiration: delivery.properties.expiration().as_ref().map(ToString::to_string),
        deaths: deaths(headers),
        marks,
    }
}
