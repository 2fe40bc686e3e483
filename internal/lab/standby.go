package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// Standby makes a physical standby of the node by pg_basebackup, under another
// name, and returns when it answers queries. It streams without a slot and
// leaves nothing on the node; it ends with the lab or by [Node.Crash]. config are
// more lines for its postgresql.conf.
func (n *Node) Standby(ctx context.Context, name string, config ...string) (*Node, error) {
	s := &Node{Name: name, home: n.home, dir: filepath.Join(n.home.dir, name)}
	if err := n.home.pg.mkdir(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("node %s: make its folder: %w", name, err)
	}
	copying := n.home.pg.command(ctx, s.dir, filepath.Join(n.home.server.Bin, "pg_basebackup"), "-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(n.Port), "-U", Superuser,
		"-c", "fast", "-X", "stream", "-R", "--no-sync")
	if out, err := copying.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("node %s: pg_basebackup of %s: %w: %s", name, n.Name, err, tail(out))
	}
	if err := s.configure(config); err != nil {
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	return s, s.firstStart(ctx)
}
