package checks

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

var (
	labOnce   sync.Once
	sharedLab *lab.Lab
	labErr    error
)

// theLab is one mesh with its Barman hosts for all tests of the package; a test heals what it breaks.
func theLab(t *testing.T) *lab.Lab {
	t.Helper()
	labOnce.Do(func() { sharedLab, labErr = lab.Up(context.Background(), lab.Options{Barman: true}) })
	lab.Need(t, labErr)
	return sharedLab
}

func TestMain(m *testing.M) {
	code := m.Run()
	if sharedLab != nil {
		if err := sharedLab.Down(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// labPlan is the lab's own topology.
func labPlan(t *testing.T, l *lab.Lab) *schema.Topology {
	t.Helper()
	p, err := schema.Load(t.Context(), []schema.Input{{Name: "lab.yaml", Data: l.Topology()}}, schema.Options{})
	require.NoError(t, err)
	return p.Topology
}

// readLab reads the lab as the reader role does.
func readLab(t *testing.T, plan *schema.Topology, s catalog.Settings) Input {
	t.Helper()
	s.Session.ConnectTimeout = 5 * time.Second
	return Input{Plan: plan, Cluster: catalog.Read(t.Context(), plan, s), Barman: barman.Read(t.Context(), plan), Now: time.Now()}
}

// lines renders findings, one a line, without those that passed or do not apply.
func lines(fs []Finding) string {
	var out []string
	for _, f := range fs {
		if f.Status == Pass || f.Status == Skipped {
			continue
		}
		out = append(out, fmt.Sprintf("%s %s %s: %s", f.Status, f.Check, f.Subject, f.Message))
	}
	return strings.Join(out, "\n")
}

func TestHealthyLabPasses(t *testing.T) {
	l := theLab(t)
	require.NoError(t, l.Settle(t.Context()))
	in := readLab(t, labPlan(t, l), catalog.Settings{})
	fs := Run(in, Options{})
	require.Empty(t, lines(fs))
	if os.Getenv("CHECKS_PRINT") != "" {
		for _, f := range fs {
			t.Logf("%s %s %s: %s", f.Status, f.Check, f.Subject, f.Message)
		}
	}
}
