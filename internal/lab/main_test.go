package lab

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childEnv has the test binary bring a lab up, print its folder, and wait to be
// killed.
const childEnv = "PGCONCORD_TEST_LAB_CHILD"

func TestMain(m *testing.M) {
	if kind := os.Getenv(childEnv); kind != "" {
		os.Exit(child(kind))
	}
	code := m.Run()
	if shared.lab != nil {
		if err := shared.lab.Down(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var shared struct {
	once sync.Once
	lab  *Lab
	err  error
}

// theLab is one lab with Barman for all tests: each heals what it broke.
func theLab(t *testing.T) *Lab {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		shared.lab, shared.err = Up(ctx, Options{Barman: true, Log: t.Logf})
	})
	Need(t, shared.err)
	return shared.lab
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// contents reads a table on one node, by primary key, every column as text.
func contents(t *testing.T, n *Node, table string) map[string]string {
	t.Helper()
	f, ok := faultyTable(table)
	require.True(t, ok)
	rows, err := n.Rows(testContext(t), fmt.Sprintf("SELECT %s, to_jsonb(t) FROM %s t", textOf(f.key), table))
	require.NoError(t, err)
	all := map[string]string{}
	for _, r := range rows {
		all[r[0]] = r[1]
	}
	require.NotEmpty(t, all)
	return all
}

// differing returns the keys of a table that are not the same on two nodes.
func differing(t *testing.T, a, b *Node, table string) []string {
	t.Helper()
	left, right := contents(t, a, table), contents(t, b, table)
	keys := []string{}
	for k, v := range left {
		if right[k] != v {
			keys = append(keys, k)
		}
	}
	for k := range right {
		if _, ok := left[k]; !ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// tablesOf a replication set, with their schema.
var tablesOf = map[string][]string{
	"ref":    {"ref.currency", "ref.product"},
	"shard1": {"shard1.customer", "shard1.entry", "shard1.device"},
	"shard2": {"shard2.customer", "shard2.entry", "shard2.device"},
}

// equalEverywhere compares every table of the lab on every node that holds it,
// and leaves out the nodes named.
func equalEverywhere(t *testing.T, l *Lab, except ...string) {
	t.Helper()
	for set, tables := range tablesOf {
		first := l.Node(l.members[set][0])
		for _, name := range l.members[set] {
			if len(except) > 0 && name == except[0] {
				continue
			}
			for _, table := range tables {
				require.Empty(t, differing(t, first, l.Node(name), table), "%s on %s against %s", table, name, first.Name)
			}
		}
	}
}
