//! Where the box and its socket are and how much a peer may use: flags, then
//! environment, then a TOML file.

use crate::user;
use contactbox_core::limits::BLOB_BYTES_MAX;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a person can set. Each is a flag, an environment variable and a key of the TOML file.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Folder of the box: its image, its log, and its socket unless that is said apart
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

    /// Folder in which cards come and go: each is taken in and backed up to by itself
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

    /// Folder for the backups made by themselves, or off [default: backup beside the image]
    #[arg(long, global = true, value_name = "FOLDER", env = "CONTACTBOX_BACKUP")]
    pub backup: Option<PathBuf>,

    /// Most minutes that a change waits for its backup [default: 60]
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

    /// User whose daemon may answer at the socket, beside yourself and root: the
    /// owner of a shared box
    #[arg(long, global = true, value_name = "USER", env = "CONTACTBOX_SERVER_USER", hide = true)]
    pub server_user: Option<String>,

    /// Whether a folder that others can write is refused for the box and its socket [default: true]
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

    /// Open an image that was cut short, with what is left of it
    #[arg(long, global = true, value_name = "BOOL", env = "CONTACTBOX_SALVAGE", hide = true)]
    pub salvage: Option<bool>,
}

impl Settings {
    /// These, and where they say nothing, `other`.
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

/// What one peer, and all of them together, may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Longest line in and out.
    pub frame_bytes: usize,
    /// Bytes of requests being received, all clients together.
    pub memory_bytes: usize,
    /// Clients at once.
    pub connections: usize,
    /// How long one request line may take from its first byte.
    pub read_time: Duration,
    /// How long a reply may wait for the client to read.
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

/// Longest frame unless told otherwise.
pub const FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Shorter frames could not carry a contact.
pub const FRAME_BYTES_MIN: usize = 64 * 1024;

// A blob goes out in pieces, but a photo of 8 MiB must come in within one vCard: 4/3 for base64, a
// little for its folds.
const _: () = assert!(FRAME_BYTES >= BLOB_BYTES_MAX as usize / 2 * 3 / 2);

/// Everything the daemon, and its client, need to know of their surroundings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the box.
    pub data: PathBuf,
    /// The image file.
    pub image: PathBuf,
    /// Where the daemon listens.
    pub socket: PathBuf,
    /// The settings file that was named, or the one that is looked for.
    pub file: Option<PathBuf>,
    /// Whether there was one, and it was read.
    pub is_file_read: bool,
    /// Folders in which cards come and go.
    pub cards: Vec<PathBuf>,
    /// Devices that are kept in step: serial ports and sockets.
    pub devices: Vec<PathBuf>,
    /// Where backups are made by themselves, and how old they may be; nowhere when that is off.
    pub backup: Option<(PathBuf, Duration)>,
    /// Users beside the daemon's own who may connect: names or numbers.
    pub users: Vec<String>,
    /// The number of another user whose daemon may answer at the socket.
    pub server_user: Option<u32>,
    /// Whether folders that others can write are refused.
    pub is_strict: bool,
    /// What peers may use.
    pub limits: PeerLimits,
    /// Whether to open an image that was cut short.
    pub salvage: bool,
}

/// Why the settings can not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file can not be read.
    #[error("the settings file {} can not be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The settings file is not what it should be.
    #[error("the settings file {} is not right: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        error: Box<toml::de::Error>,
    },
    /// The system names no folder for a program's data.
    #[error("no folder for data is known on this system: say one with --data")]
    NoFolder,
    /// The socket's path does not fit the system's socket addresses.
    #[error(
        "the socket path {} has {bytes} bytes, and at most {bytes_max} fit: say a shorter one with --socket",
        path.display()
    )]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// What fits.
        bytes_max: usize,
    },
    /// Nobody is called so.
    #[error(
        "--server-user is {name}, whom the system's list of users does not have: say the user's number"
    )]
    NoSuchUser {
        /// What was said.
        name: String,
    },
    /// A number is outside of what works.
    #[error("{name} is {value}, and must be at least {min}")]
    TooSmall {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: usize,
        /// The least that works.
        min: usize,
    },
}

/// How long a change may wait for its backup unless told otherwise.
const BACKUP_MINUTES: u64 = 60;

/// `sun_path` has 108 bytes on Linux and 104 on the BSDs, one of them for the end.
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

impl Config {
    /// Settles `settings` (flags and environment, as clap gives them) with the settings file
    /// and the platform's folders.
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
        // Also where it was named: the same box has the same socket, however it is led to.
        let is_usual = usual_image.is_some_and(|usual| usual == image);
        let runtime = folders.as_ref().and_then(|folders| folders.runtime_dir());
        let socket = match settings.socket {
            Some(socket) => socket,
            // The runtime folder has one box; a box elsewhere has its socket beside it.
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

        let usual = PeerLimits::default();
        let frame_bytes = settings.frame_bytes.unwrap_or(usual.frame_bytes);
        let limits = PeerLimits {
            frame_bytes,
            memory_bytes: settings.memory_bytes.unwrap_or(usual.memory_bytes.max(frame_bytes)),
            connections: settings.connections.unwrap_or(usual.connections),
            read_time: settings.read_seconds.map_or(usual.read_time, Duration::from_secs),
            write_time: settings.write_seconds.map_or(usual.write_time, Duration::from_secs),
        };
        let minutes = settings.backup_minutes.unwrap_or(BACKUP_MINUTES);
        at_least("backup-minutes", minutes as usize, 1)?;
        let backup = settings.backup.unwrap_or_else(|| folder_of(&image).join("backup"));
        let backup = (backup != Path::new("off"))
            .then(|| (absolute(backup), Duration::from_secs(minutes.saturating_mul(60))));
        at_least("frame-bytes", limits.frame_bytes, FRAME_BYTES_MIN)?;
        at_least("memory-bytes", limits.memory_bytes, limits.frame_bytes)?;
        at_least("connections", limits.connections, 1)?;
        at_least("read-seconds", limits.read_time.as_secs() as usize, 1)?;
        at_least("write-seconds", limits.write_time.as_secs() as usize, 1)?;
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
            server_user: server_user.transpose()?,
            is_strict: settings.strict_folders.unwrap_or(true),
            limits,
            salvage: settings.salvage.unwrap_or(false),
        })
    }
}

/// Whether a runtime folder is the user's own: after `su` the surroundings still
/// name the other user's.
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
        // Pipes have one name space: the image's path keeps two boxes apart.
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
