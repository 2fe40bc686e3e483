package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// connectFlags are those of every command that asks nodes.
type connectFlags struct {
	connect, statement, lock time.Duration
}

func (f *connectFlags) register(fs *pflag.FlagSet, statement time.Duration) {
	fs.DurationVar(&f.connect, "connect-timeout", 5*time.Second, "how long a node may take until a session is ready")
	fs.DurationVar(&f.statement, "statement-timeout", statement, "how long one statement may run on a node")
	fs.DurationVar(&f.lock, "lock-timeout", 2*time.Second, "how long a statement may wait for a lock")
}

// settings refuses what would switch a safeguard off.
func (f connectFlags) settings() (cluster.Settings, error) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"--connect-timeout", f.connect}, {"--statement-timeout", f.statement}, {"--lock-timeout", f.lock}} {
		if d.value < time.Millisecond {
			return cluster.Settings{}, usagef("%s must be at least 1ms: a session without it could harm the node", d.name)
		}
	}
	return cluster.Settings{ConnectTimeout: f.connect, StatementTimeout: f.statement, LockTimeout: f.lock}, nil
}
