//go:build unix

package compare

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a file for this process: whose it is otherwise is returned, 0 when
// that cannot be told. The system lets a lock go when its process ends, however
// it ends. It is a POSIX record lock, which tells the holder and holds over NFS;
// it would also end with any other descriptor of the file that this process
// closes, so there is none.
func lock(f *os.File) (held bool, holder int, err error) {
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &whole)
	if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EAGAIN) {
		return err == nil, 0, err
	}
	other := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if unix.FcntlFlock(f.Fd(), unix.F_GETLK, &other) == nil && other.Type != unix.F_UNLCK {
		holder = int(other.Pid)
	}
	return false, max(holder, 0), nil
}
