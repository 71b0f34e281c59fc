//! The settings, taken from flags, then the environment, then a TOML file.

use crate::user;
use contactbox_core::limits::BLOB_BYTES_MAX;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The settings that a person can make. Each is a flag, an environment variable and a key of the
/// TOML file.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Folder of the box: its image, its log, and its socket unless --socket names another
    #[arg(long, global = true, value_name = "FOLDER", env = "CONTACTBOX_DATA")]
    pub data: Option<PathBuf>,

    /// Image file of the box [default: contacts.box in the data folder]
    #[arg(long, global = true, value_name = "FILE", env = "CONTACTBOX_IMAGE")]
    pub image: Option<PathBuf>,

    /// Local socket (on Windows a pipe, \\.\pipe\NAME)
    #[arg(long, global = true, value_name = "PATH", env = "CONTACTBOX_SOCKET")]
    pub socket: Option<PathBuf>,

    /// Settings file [default: config.toml in the configuration folder, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "CONTACTBOX_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Folder in which cards come and go: each is imported and backed up to automatically
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "CONTACTBOX_CARD",
        value_delimiter = ','
    )]
    pub card: Option<Vec<PathBuf>>,

    /// Device to keep in step while it is plugged in: a serial port, or the socket of an emulator
    #[arg(
        long,
        global = true,
        value_name = "PORT",
        env = "CONTACTBOX_DEVICE",
        value_delimiter = ','
    )]
    pub device: Option<Vec<PathBuf>>,

    /// Folder for the automatic backups, or off [default: backup beside the image]
    #[arg(long, global = true, value_name = "FOLDER", env = "CONTACTBOX_BACKUP")]
    pub backup: Option<PathBuf>,

    /// Longest wait of a change for its backup, in minutes [default: 60]
    #[arg(long, global = true, value_name = "MINUTES", env = "CONTACTBOX_BACKUP_MINUTES")]
    pub backup_minutes: Option<u64>,

    /// Users beside yourself who may connect: names or numbers
    #[arg(
        long,
        global = true,
        value_name = "USER",
        env = "CONTACTBOX_USERS",
        value_delimiter = ',',
        hide = true
    )]
    pub users: Option<Vec<String>>,

    /// User whose daemon may answer at the socket, beside yourself and root: the owner of a shared
    /// box
    #[arg(long, global = true, value_name = "USER", env = "CONTACTBOX_SERVER_USER", hide = true)]
    pub server_user: Option<String>,

    /// Refuse a folder that others can write to, for the box and its socket [default: true]
    #[arg(
        long,
        global = true,
        value_name = "BOOL",
        env = "CONTACTBOX_STRICT_FOLDERS",
        hide = true
    )]
    pub strict_folders: Option<bool>,

    /// Longest request and reply, in bytes
    #[arg(long, global = true, value_name = "BYTES", env = "CONTACTBOX_FRAME_BYTES", hide = true)]
    pub frame_bytes: Option<usize>,

    /// Memory for requests being received, of all clients together, in bytes
    #[arg(long, global = true, value_name = "BYTES", env = "CONTACTBOX_MEMORY_BYTES", hide = true)]
    pub memory_bytes: Option<usize>,

    /// Most clients at once
    #[arg(long, global = true, value_name = "COUNT", env = "CONTACTBOX_CONNECTIONS", hide = true)]
    pub connections: Option<usize>,

    /// Seconds a client may take for one request line
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        env = "CONTACTBOX_READ_SECONDS",
        hide = true
    )]
    pub read_seconds: Option<u64>,

    /// Seconds a client may leave a reply unread
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        env = "CONTACTBOX_WRITE_SECONDS",
        hide = true
    )]
    pub write_seconds: Option<u64>,

    /// Open what is left of an image that was cut short or has a damaged header
    #[arg(long, global = true, value_name = "BOOL", env = "CONTACTBOX_SALVAGE", hide = true)]
    pub salvage: Option<bool>,
}

impl Settings {
    /// Returns these settings, completed from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            data: self.data.or(other.data),
            image: self.image.or(other.image),
            socket: self.socket.or(other.socket),
            config: self.config.or(other.config),
            card: self.card.or(other.card),
            device: self.device.or(other.device),
            backup: self.backup.or(other.backup),
            backup_minutes: self.backup_minutes.or(other.backup_minutes),
            users: self.users.or(other.users),
            server_user: self.server_user.or(other.server_user),
            strict_folders: self.strict_folders.or(other.strict_folders),
            frame_bytes: self.frame_bytes.or(other.frame_bytes),
            memory_bytes: self.memory_bytes.or(other.memory_bytes),
            connections: self.connections.or(other.connections),
            read_seconds: self.read_seconds.or(other.read_seconds),
            write_seconds: self.write_seconds.or(other.write_seconds),
            salvage: self.salvage.or(other.salvage),
        }
    }
}

/// The limits of one peer, and of all peers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// The longest line in and out.
    pub frame_bytes: usize,
    /// The bytes of requests being received, of all clients together.
    pub memory_bytes: usize,
    /// The number of clients at once.
    pub connections: usize,
    /// The longest time for one request line, from its first byte.
    pub read_time: Duration,
    /// The longest time that a reply waits for the client to read.
    pub write_time: Duration,
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self {
            frame_bytes: FRAME_BYTES,
            memory_bytes: 8 * FRAME_BYTES,
            connections: 256,
            read_time: Duration::from_secs(30),
            write_time: Duration::from_secs(10),
        }
    }
}

/// The longest frame by default.
pub const FRAME_BYTES: usize = 16 * 1024 * 1024;

/// The smallest limit, since a contact must fit into a frame.
pub const FRAME_BYTES_MIN: usize = 64 * 1024;

// A blob goes out in pieces, but a photo of 8 MiB must come in within one vCard. Base64 makes it
// 4/3 as long, and line folds a little longer.
const _: () = assert!(FRAME_BYTES >= BLOB_BYTES_MAX as usize / 2 * 3 / 2);

/// Everything that the daemon and its client need to know about their environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the box.
    pub data: PathBuf,
    /// The image file.
    pub image: PathBuf,
    /// The path at which the daemon listens.
    pub socket: PathBuf,
    /// The settings file: the one that was named, or the default.
    pub file: Option<PathBuf>,
    /// True if the settings file was read.
    pub is_file_read: bool,
    /// The folders in which cards come and go.
    pub cards: Vec<PathBuf>,
    /// The devices to keep in step: serial ports and sockets.
    pub devices: Vec<PathBuf>,
    /// The folder of automatic backups and the longest wait of a change; `None` if they are off.
    pub backup: Option<(PathBuf, Duration)>,
    /// The users beside the daemon's own who may connect: names or numbers.
    pub users: Vec<String>,
    /// The number of another user whose daemon may answer at the socket.
    pub server_user: Option<u32>,
    /// True if folders that others can write to are refused.
    pub is_strict: bool,
    /// The limits of peers.
    pub limits: PeerLimits,
    /// True if an image that was cut short is opened.
    pub salvage: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("the settings file {} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The settings file has an error in it.
    #[error("the settings file {} is not right: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line and the reason.
        error: Box<toml::de::Error>,
    },
    /// The system names no folder for a program's data.
    #[error("this system names no folder for data: choose one with --data")]
    NoFolder,
    /// The socket's path does not fit the system's socket addresses.
    #[error(
        "the socket path {} has {bytes} bytes, and at most {bytes_max} fit: choose a shorter one with --socket",
        path.display()
    )]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// The length of the path.
        bytes: usize,
        /// The length that fits.
        bytes_max: usize,
    },
    /// The system knows no user of this name.
    #[error(
        "--server-user is {name}, who is not in the system's list of users: give the user's number"
    )]
    NoSuchUser {
        /// The name given.
        name: String,
    },
    /// A number is below its minimum.
    #[error("{name} is {value}, and must be at least {min}")]
    TooSmall {
        /// The setting.
        name: &'static str,
        /// The value given.
        value: usize,
        /// The minimum.
        min: usize,
    },
}

/// The longest wait of a change for its backup by default, in minutes.
const BACKUP_MINUTES: u64 = 60;

/// `sun_path` has 108 bytes on Linux and 104 on the BSDs, one of them for the end.
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

impl Config {
    /// Combines `settings`, which clap took from flags and environment, with the settings file and
    /// the platform's folders.
    pub fn load(settings: Settings) -> Result<Self, ConfigError> {
        let folders = directories::ProjectDirs::from("", "", "contactbox");
        let named = settings.config.clone();
        let usual = folders.as_ref().map(|folders| folders.config_dir().join("config.toml"));
        let is_file_read = named.is_some() || usual.as_ref().is_some_and(|usual| usual.exists());
        let file = named.or(usual).map(absolute);
        let read = match &file {
            Some(path) if is_file_read => read_settings(path)?,
            _ => Settings::default(),
        };
        let settings = settings.or(read);
        let limits = peer_limits(&settings);

        let usual_data = folders.as_ref().map(|folders| folders.data_dir().to_path_buf());
        let usual_image = usual_data.as_ref().map(|data| data.join("contacts.box"));
        let data = match (&settings.data, &settings.image) {
            (Some(data), _) => data.clone(),
            (None, Some(image)) => folder_of(image),
            (None, None) => usual_data.ok_or(ConfigError::NoFolder)?,
        };
        let data = std::path::absolute(&data).unwrap_or(data);
        let image = settings.image.unwrap_or_else(|| data.join("contacts.box"));
        let image = std::path::absolute(&image).unwrap_or(image);
        // This also holds where the image was named: a box has one socket, whichever way its path
        // is given.
        let is_usual = usual_image.is_some_and(|usual| usual == image);
        let runtime = folders.as_ref().and_then(|folders| folders.runtime_dir());
        let socket = match settings.socket {
            Some(socket) => socket,
            // The runtime folder serves one box; a box elsewhere has its socket beside it.
            None => usual_socket(&data, &image, runtime.filter(|one| is_usual && is_own(one))),
        };
        let bytes = socket.as_os_str().len();
        if cfg!(unix) && bytes > SOCKET_PATH_BYTES_MAX {
            return Err(ConfigError::SocketPathTooLong {
                path: socket,
                bytes,
                bytes_max: SOCKET_PATH_BYTES_MAX,
            });
        }

        let no_such_user = |name: &String| ConfigError::NoSuchUser { name: name.clone() };
        let server_user = settings
            .server_user
            .as_ref()
            .map(|name| user::id(name).ok_or_else(|| no_such_user(name)));

        let minutes = settings.backup_minutes.unwrap_or(BACKUP_MINUTES);
        at_least("backup-minutes", minutes as usize, 1)?;
        let backup = settings.backup.unwrap_or_else(|| folder_of(&image).join("backup"));
        let backup = (backup != Path::new("off"))
            .then(|| (absolute(backup), Duration::from_secs(minutes.saturating_mul(60))));
        Ok(Self {
            data,
            image,
            socket,
            file,
            is_file_read,
            cards: settings.card.unwrap_or_default().into_iter().map(absolute).collect(),
            devices: settings.device.unwrap_or_default().into_iter().map(absolute).collect(),
            backup,
            users: settings.users.unwrap_or_default(),
            limits: limits?,
            server_user: server_user.transpose()?,
            is_strict: settings.strict_folders.unwrap_or(true),
            salvage: settings.salvage.unwrap_or(false),
        })
    }
}

/// Returns whether a runtime folder belongs to this user. After `su` the environment still names
/// the other user's.
fn is_own(runtime: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = runtime.parent().and_then(|folder| std::fs::metadata(folder).ok());
        found.is_some_and(|found| user::own() == Some(found.uid()))
    }
    #[cfg(not(unix))]
    {
        let _ = runtime;
        true
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Reads the limits for clients, with the usual ones where none are set.
fn peer_limits(settings: &Settings) -> Result<PeerLimits, ConfigError> {
    let usual = PeerLimits::default();
    let frame_bytes = settings.frame_bytes.unwrap_or(usual.frame_bytes);
    let limits = PeerLimits {
        frame_bytes,
        memory_bytes: settings.memory_bytes.unwrap_or(usual.memory_bytes.max(frame_bytes)),
        connections: settings.connections.unwrap_or(usual.connections),
        read_time: settings.read_seconds.map_or(usual.read_time, Duration::from_secs),
        write_time: settings.write_seconds.map_or(usual.write_time, Duration::from_secs),
    };
    at_least("frame-bytes", limits.frame_bytes, FRAME_BYTES_MIN)?;
    at_least("memory-bytes", limits.memory_bytes, limits.frame_bytes)?;
    at_least("connections", limits.connections, 1)?;
    at_least("read-seconds", limits.read_time.as_secs() as usize, 1)?;
    at_least("write-seconds", limits.write_time.as_secs() as usize, 1)?;
    Ok(limits)
}

fn at_least(name: &'static str, value: usize, min: usize) -> Result<(), ConfigError> {
    if value < min { Err(ConfigError::TooSmall { name, value, min }) } else { Ok(()) }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn usual_socket(data: &Path, image: &Path, runtime: Option<&Path>) -> PathBuf {
    if cfg!(windows) {
        // Pipes have one namespace: a digest of the image's path tells two boxes apart.
        let digest =
            contactbox_core::contact::digest(b"pipe", &[image.as_os_str().as_encoded_bytes()]);
        let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        return PathBuf::from(format!(r"\\.\pipe\contactbox-{digest}"));
    }
    match runtime {
        Some(runtime) => runtime.join("socket"),
        None => match image.file_name() {
            // Two images in one folder have a socket each.
            Some(name) if name != "contacts.box" => image.with_extension("socket"),
            _ => data.join("socket"),
        },
    }
}

fn read_settings(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { path: path.to_path_buf(), error })?;
    toml::from_str(&text).map_err(|error| ConfigError::Malformed {
        path: path.to_path_buf(),
        error: Box::new(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "connections = 7\nframe-bytes = 100000\nusers = [\"eva\"]\n")
            .expect("the folder takes a file");
        let settings = Settings {
            config: Some(file),
            data: Some(folder.path().join("box")),
            connections: Some(9),
            ..Settings::default()
        };
        let config = Config::load(settings).expect("good settings");
        assert_eq!(config.limits.connections, 9);
        assert_eq!(config.limits.frame_bytes, 100_000);
        assert_eq!(config.users, ["eva"]);
        assert_eq!(config.image, config.data.join("contacts.box"));
        assert_eq!(config.socket, config.data.join("socket"));
    }

    #[test]
    fn a_wrong_key_is_named() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "conections = 7\n").expect("the folder takes a file");
        let error = Config::load(Settings { config: Some(file), ..Settings::default() })
            .expect_err("a misspelt key");
        assert!(error.to_string().contains("conections"), "{error}");
    }

    #[test]
    fn a_socket_path_that_does_not_fit_is_refused() {
        let long = PathBuf::from("x".repeat(200));
        let settings = Settings { socket: Some(long), ..Settings::default() };
        let settings = Settings { data: Some(PathBuf::from("d")), ..settings };
        let error = Config::load(settings).expect_err("too long");
        assert!(error.to_string().contains("--socket"), "{error}");
    }
}
