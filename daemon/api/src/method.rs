//! The table of all methods: their names, their parameters and their replies.

use crate::Empty;
use crate::blob::{BlobGet, BlobReply};
use crate::card::{
    CardsBackup, CardsBackupReply, CardsRestore, CardsRestoreReply, CardsSync, CardsSyncReply,
};
use crate::contact::{
    ChangeReply, Find, FindReply, Get, GetReply, History, HistoryReply, Patch, Purge, Put, Remove,
    Restore,
};
use crate::device::{DevicesInfo, DevicesInfoReply, DevicesSync, DevicesSyncReply};
use crate::error::{ApiError, ErrorKind, cut};
use crate::event::{WatchStart, WatchStop};
use crate::status::{
    BoxInfo, BoxInfoReply, BoxStats, BoxStatsReply, BoxStop, BoxVerify, BoxVerifyReply, Hello,
    HelloReply, SetAuthor, SetAuthorReply,
};
use crate::trash::{Forget, ForgetReply, KeptList, KeptListReply};
use crate::vcard::{Export, ExportReply, Import, ImportReply};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The parameters of a method.
pub trait Method: Serialize {
    /// The name on the wire.
    const NAME: &'static str;

    /// The reply.
    type Reply: DeserializeOwned;
}

macro_rules! methods {
    ($($name:literal: $variant:ident($params:ty) -> $reply:ty;)*) => {
        $(impl Method for $params {
            const NAME: &'static str = $name;
            type Reply = $reply;
        })*

        /// A request, understood.
        #[derive(Clone, Debug)]
        #[expect(missing_docs, reason = "each is described at the type of its parameters")]
        pub enum Call {
            $($variant($params),)*
        }

        impl Call {
            /// The names of all methods.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Reads the parameters of a method.
            pub fn parse(method: &str, params: &str) -> Result<Self, ApiError> {
                match method {
                    $($name => of(method, params).map(Self::$variant),)*
                    _ => {
                        let method: String = method.chars().take(80).collect();
                        let message = format!("there is no method {method:?}");
                        Err(ApiError::new(ErrorKind::NoSuchMethod, message))
                    }
                }
            }

            /// The name of the method.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }
        }

        /// Reads a reply and writes it again: what the types do not have is lost.
        #[cfg(feature = "schema")]
        pub fn rewrite_reply(method: &str, reply: &str) -> serde_json::Result<String> {
            fn again<T: DeserializeOwned + Serialize>(reply: &str) -> serde_json::Result<String> {
                serde_json::to_string(&serde_json::from_str::<T>(reply)?)
            }
            match method {
                $($name => again::<$reply>(reply),)*
                _ => again::<serde_json::Value>(reply),
            }
        }

        #[cfg(feature = "schema")]
        pub(crate) fn schemas(mut tell: impl FnMut(&'static str, MethodSchemas)) {
            $(tell($name, MethodSchemas {
                params: |generator| generator.subschema_for::<$params>(),
                reply: |generator| generator.subschema_for::<$reply>(),
            });)*
        }
    };
}

/// The schemas of a method.
#[cfg(feature = "schema")]
pub(crate) struct MethodSchemas {
    pub(crate) params: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    pub(crate) reply: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

methods! {
    "box.hello": Hello(Hello) -> HelloReply;
    "contact.find": Find(Find) -> FindReply<'static>;
    "contact.get": Get(Get) -> GetReply<'static>;
    "contact.put": Put(Put) -> ChangeReply;
    "contact.patch": Patch(Patch) -> ChangeReply;
    "contact.remove": Remove(Remove) -> ChangeReply;
    "contact.restore": Restore(Restore) -> ChangeReply;
    "contact.purge": Purge(Purge) -> ChangeReply;
    "trash.kept": Kept(KeptList) -> KeptListReply;
    "trash.forget": Forget(Forget) -> ForgetReply;
    "contact.history": History(History) -> HistoryReply;
    "contact.import": Import(Import) -> ImportReply;
    "contact.export": Export(Export) -> ExportReply;
    "blob.get": BlobGet(BlobGet) -> BlobReply;
    "cards.backup": CardsBackup(CardsBackup) -> CardsBackupReply;
    "cards.sync": CardsSync(CardsSync) -> CardsSyncReply;
    "cards.restore": CardsRestore(CardsRestore) -> CardsRestoreReply;
    "devices.info": DevicesInfo(DevicesInfo) -> DevicesInfoReply;
    "devices.sync": DevicesSync(DevicesSync) -> DevicesSyncReply;
    "box.info": Info(BoxInfo) -> BoxInfoReply;
    "box.stats": Stats(BoxStats) -> BoxStatsReply;
    "box.verify": Verify(BoxVerify) -> BoxVerifyReply;
    "box.author": Author(SetAuthor) -> SetAuthorReply;
    "box.stop": Stop(BoxStop) -> Empty;
    "watch.start": WatchStart(WatchStart) -> Empty;
    "watch.stop": WatchStop(WatchStop) -> Empty;
}

fn of<T: DeserializeOwned>(method: &str, params: &str) -> Result<T, ApiError> {
    // An array would be taken for parameters by position.
    if !params.trim_start().starts_with('{') {
        return Err(ApiError::params(format!("the parameters of {method} must be an object")));
    }
    serde_json::from_str(params).map_err(|error| {
        let why = cut(&error.to_string()).to_owned();
        ApiError::params(format!("the parameters of {method}: {why}"))
    })
}
