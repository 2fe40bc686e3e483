package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// template is a data directory with the roles and the database, of a server that
// was shut down in good order. Copying it takes a tenth of initdb's time, so a
// process makes one for each installation and set of initdb arguments; it goes
// when the process ends.
type template struct {
	mu     sync.Mutex
	made   bool
	data   string
	system uint64 // the system identifier
	copies uint64
}

var (
	templatesMu sync.Mutex
	templates   = map[string]*template{}
)

func templateFor(server Server, initdb []string) *template {
	key := strings.Join(append([]string{server.Bin}, initdb...), "\x00")
	templatesMu.Lock()
	defer templatesMu.Unlock()
	if templates[key] == nil {
		templates[key] = &template{}
	}
	return templates[key]
}

// make makes the template unless it is there, in a folder and under a reaper of
// its own.
func (t *template) make(ctx context.Context, server Server, initdb []string) (err error) {
	if t.made {
		return nil
	}
	h, err := newHome(Options{}, server)
	if err != nil {
		return err
	}
	n := h.node("template", Options{}, nil)
	defer func() {
		releasePorts(h)
		if err != nil {
			err = errors.Join(err, h.down())
		}
	}()
	if err := h.pg.mkdir(n.dir, 0o755); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	args := append([]string{"-D", n.data(), "-U", Superuser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"}, initdb...)
	// Its output goes to a file: when we are killed, what writes to a pipe of ours is
	// ended by a signal and leaves its shared memory behind.
	log, err := os.Create(filepath.Join(h.dir, "initdb.log"))
	if err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	cmd := h.pg.command(ctx, n.dir, filepath.Join(server.Bin, "initdb"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	err = errors.Join(cmd.Run(), log.Close())
	if err != nil {
		out, _ := os.ReadFile(log.Name())
		return fmt.Errorf("initdb: %w: %s", err, tail(out))
	}
	config := baseConfig
	if h.filtersPlugins(ctx) {
		config = append(slices.Clone(config), "output_plugin_libraries = 'pgoutput, test_decoding, pglogical_output'")
	}
	if err := n.configure(config); err != nil {
		return err
	}
	if err := n.firstStart(ctx); err != nil {
		return err
	}
	if err := n.createDatabase(ctx); err != nil {
		return err
	}
	if err := n.Stop(ctx); err != nil {
		return err
	}
	if t.system, _, err = systemIdentifier(n.data()); err != nil {
		return err
	}
	t.data, t.made = n.data(), true
	return nil
}

// copyTo makes the data directory of a node from the template, with a system
// identifier of its own.
func (t *template) copyTo(ctx context.Context, n *Node) error {
	t.mu.Lock()
	err := t.make(ctx, n.home.server, n.initdb)
	t.copies++
	id := t.system + t.copies
	t.mu.Unlock()
	if err != nil {
		return err
	}
	if out, err := n.home.pg.command(ctx, n.dir, "cp", "-Rp", t.data, n.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("copy a data directory: %w: %s", err, tail(out))
	}
	return setSystemIdentifier(n.data(), id)
}

// systemIdentifier reads pg_control, which begins with the identifier, and
// returns the length of what its CRC-32C is of: that differs by major, and the
// checksum follows it.
func systemIdentifier(data string) (id uint64, length int, err error) {
	control, err := os.ReadFile(filepath.Join(data, "global", "pg_control"))
	if err != nil {
		return 0, 0, err
	}
	for length := 200; length+4 <= min(len(control), 1024); length += 4 {
		if crc32.Checksum(control[:length], castagnoli) == binary.NativeEndian.Uint32(control[length:]) {
			return binary.NativeEndian.Uint64(control), length, nil
		}
	}
	return 0, 0, errors.New("no checksum found in global/pg_control")
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// setSystemIdentifier gives a server that is down another identifier: in
// pg_control and in the first page header of each WAL segment, where it follows
// the 24 bytes that every page header has (XLogLongPageHeaderData).
func setSystemIdentifier(data string, id uint64) error {
	old, length, err := systemIdentifier(data)
	if err != nil {
		return err
	}
	file := filepath.Join(data, "global", "pg_control")
	control, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	binary.NativeEndian.PutUint64(control, id)
	binary.NativeEndian.PutUint32(control[length:], crc32.Checksum(control[:length], castagnoli))
	if err := os.WriteFile(file, control, 0o600); err != nil {
		return err
	}
	was, is := make([]byte, 8), make([]byte, 8)
	binary.NativeEndian.PutUint64(was, old)
	binary.NativeEndian.PutUint64(is, id)
	segments, err := filepath.Glob(filepath.Join(data, "pg_wal", strings.Repeat("[0-9A-F]", 24)))
	for _, segment := range segments {
		err = errors.Join(err, replaceAt(segment, 24, was, is))
	}
	return err
}

// replaceAt replaces what a file has at an offset, if it is that: WAL segments
// kept for later use have no header yet.
func replaceAt(file string, offset int64, was, is []byte) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	has := make([]byte, len(was))
	if _, err = f.ReadAt(has, offset); err == nil && bytes.Equal(has, was) {
		_, err = f.WriteAt(is, offset)
	}
	return errors.Join(err, f.Close())
}
