//! Arguments of exchanges and queues in the types of the client library.

use lapin::types::{AMQPValue, FieldTable, ShortString, ShortStringError};

use crate::contract::Arg;

/// The arguments of a declaration. Fails if a name has more than 255 bytes.
pub fn arguments(args: &[(String, Arg)]) -> Result<FieldTable, ShortStringError> {
    let mut table = FieldTable::default();
    for (name, arg) in args {
        let value = match arg {
            Arg::Str(text) => AMQPValue::LongString(text.as_str().into()),
            Arg::Int(number) => AMQPValue::LongLongInt(*number),
            Arg::Bool(truth) => AMQPValue::Boolean(*truth),
        };
        table.insert(ShortString::try_new(name.as_str())?, value);
    }
    Ok(table)
}
