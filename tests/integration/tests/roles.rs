//! The database roles with least privilege: the operations that owner, worker and reader can run,
//! and those that they cannot.

mod privileges;
mod script;
mod work;
