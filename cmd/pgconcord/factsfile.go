package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// factsFile is what facts writes: the catalog's facts with, as one more member,
// what the Barman hosts say.
type factsFile struct {
	*catalog.Cluster
	Barman map[string]*barman.Host `json:"barman,omitempty"`
}

func (f *factsFile) save(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("save facts: %w", err)
	}
	return nil
}

// loadFacts reads a file that facts wrote.
func (a *app) loadFacts(name string) (*factsFile, error) {
	in, err := a.readInput(name)
	if err != nil {
		return nil, err
	}
	cluster, err := catalog.LoadCluster(bytes.NewReader(in.Data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var rest struct {
		Barman map[string]*barman.Host `json:"barman"`
	}
	if err := json.Unmarshal(in.Data, &rest); err != nil {
		return nil, fmt.Errorf("%s: load what the Barman hosts said: %w", name, err)
	}
	return &factsFile{Cluster: cluster, Barman: rest.Barman}, nil
}

// readBarman asks the Barman hosts that can be read from this machine.
func readBarman(ctx context.Context, t *schema.Topology) map[string]*barman.Host {
	if len(t.Barman) == 0 {
		return nil
	}
	return barman.Read(ctx, t)
}

func sorted(in []string) []string { return slices.Sorted(slices.Values(in)) }

func contains(in []string, s string) bool { return slices.Contains(in, s) }
