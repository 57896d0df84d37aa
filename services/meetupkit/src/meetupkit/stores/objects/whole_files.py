"""Files that appear whole or not at all, and what makes them outlive a power failure. Linux; raises ``OSError``."""

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
import time
from typing import BinaryIO, Final

_COARSEST_NANOSECONDS: Final = 2_000_000_000
"""FAT keeps times in steps of two seconds; every other file system in finer ones."""
PRIVATE_FILE: Final = 0o600
"""Records name people: what is written here is for the user of the service alone, whatever its umask is."""
PRIVATE_FOLDER: Final = 0o700
_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.ENODEV})
"""What a circle of symbolic links, a socket or a pipe, and a device without a driver answer to open(2)."""
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def place_unnamed(path: str, body: bytes, *, chmod: bool = False) -> None:
    """Write a file that has no name (``O_TMPFILE``), then link it to its name; the kernel removes it if we die.

    ``chmod``: where the umask or a default ACL make another mode of the one that is asked for.

    Raises ``FileExistsError`` if something is at the path.
    """
    fd = os.open(path.rpartition("/")[0], os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        if chmod:
            _keep_private(fd)
        _write_all(fd, body)
        # Any src_dir_fd makes CPython call linkat(2) and follow the link; the path is absolute, so its value is idle.
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
    finally:
        os.close(fd)


def place_through(temporary: str, path: str, body: bytes) -> None:
    """Write a temporary file of the same file system, then link it to its name; a kill leaves the temporary file.

    Raises ``FileExistsError`` if something is at the path.
    """
    try:
        _write(temporary, body)
        os.link(temporary, path)
    finally:
        unlink_if_there(temporary)


def swap(temporary: str, path: str, body: bytes, version: int) -> int:
    """Put a new, durable file in the place of the one with that version (0: of none); return the new version.

    The caller holds a lock against other swaps. Raises ``FileExistsError`` if something is where nothing should be.
    """
    try:
        _write(temporary, body, durable=True, newer_than=version)
        new_version = version_at(temporary)
        if version:
            os.rename(temporary, path)
        else:
            os.link(temporary, path)  # unlike a rename, refuses a name that was taken meanwhile
        _sync_folder(path.rpartition("/")[0])
        return new_version
    finally:
        unlink_if_there(temporary)


def make_folders(path: str) -> None:
    """``os.makedirs`` for folders that only their owner can enter; one that is there keeps its mode."""
    try:
        os.mkdir(path, PRIVATE_FOLDER)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    except FileNotFoundError:
        make_folders(path.rpartition("/")[0] or "/")
        make_folders(path)
    else:
        with contextlib.suppress(PermissionError):  # a file system without modes
            os.chmod(path, PRIVATE_FOLDER)


def make_private(folder: str) -> None:
    """Close a folder of ours, and so all that lies below it, to everybody else; one of another user is left alone."""
    with contextlib.suppress(OSError):  # missing, or of a file system without modes: nothing to close
        there = os.stat(folder)
        mode = stat.S_IMODE(there.st_mode)
        if there.st_uid == os.geteuid() and mode & 0o077:
            os.chmod(folder, mode & ~0o077)


def open_file(path: str) -> BinaryIO | None:
    """The file, to be read; ``None`` if there is none: nothing, a folder, a pipe (which would not answer), a device."""
    try:
        file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: SIM115  (the caller closes it)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    return None


def is_private(path: str) -> bool:
    """Whether the file is for its owner alone, and for them to read and write."""
    return stat.S_IMODE(os.stat(path).st_mode) == PRIVATE_FILE


def version_at(path: str) -> int:
    """The time of modification in nanoseconds, which ``swap`` makes grow with each write; 0 if nothing is there."""
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def open_lock(path: str) -> int:
    """A descriptor of the file, which is made if there is none; a symbolic link is none."""
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)
        _keep_private(fd)
        return fd


def try_lock(fd: int) -> bool:
    """Take the lock of the open file, against other processes and threads, unless it is taken."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_file_system(fd: int) -> None:
    """syncfs(2): return when everything written to the file system of the open file outlives a power failure.

    Raises what a write behind the caller's back met since the descriptor was opened (Linux 5.8 or newer).
    """
    if not hasattr(_LIBC, "syncfs"):  # a C library without it; sync(2) waits for the disks on Linux too
        os.sync()
    elif _LIBC.syncfs(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def remove(path: str) -> None:
    """Remove the file; durable when this returns."""
    unlink_if_there(path)
    _sync_folder(path.rpartition("/")[0])


def unlink_if_there(path: str) -> None:
    """Remove the file, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _write(path: str, body: bytes, *, durable: bool = False, newer_than: int = 0) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        _keep_private(fd)
        _write_all(fd, body)
        if newer_than:
            _stamp(fd, newer_than)
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def _keep_private(fd: int) -> None:
    """A umask can take the owner's own rights away, and a default ACL give rights to others."""
    with contextlib.suppress(PermissionError):  # a file system without modes
        os.fchmod(fd, PRIVATE_FILE)


def _write_all(fd: int, body: bytes) -> None:
    """write(2) may stop short: near a full disk, at 2 GiB."""
    written = os.write(fd, body)
    while written < len(body):
        written += os.write(fd, memoryview(body)[written:])


def _stamp(fd: int, newer_than: int) -> None:
    """Set a time of modification after that one, whatever the clock says and however coarse its ticks are."""
    for step in (1, _COARSEST_NANOSECONDS):
        now = max(time.time_ns(), newer_than + step)
        os.utime(fd, ns=(now, now))
        if os.fstat(fd).st_mtime_ns > newer_than:
            return


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
