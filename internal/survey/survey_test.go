package survey_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/survey"
	"github.com/pgconcord/pgconcord/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// facts of a node that takes sets from its providers.
func facts(name string, takes map[string][]string) *catalog.Facts {
	f := &catalog.Facts{LocalName: name, Server: catalog.Server{Version: "16.4 (Debian 16.4-1)", Database: "app"}, Extensions: map[string]string{"bdr": "5.6.1"}}
	for _, provider := range []string{"a1", "a2", "b1", "b2", "w"} {
		if sets, ok := takes[provider]; ok {
			f.Subscriptions = append(f.Subscriptions, catalog.Subscription{Provider: provider, Sets: sets, Enabled: true})
		}
	}
	for _, s := range []string{"all", "east", "west", "east_more", "reference"} {
		f.Sets = append(f.Sets, catalog.Set{Name: s, Tables: []catalog.SetTable{{Schema: "public", Name: s}}})
	}
	f.Sets = append(f.Sets, catalog.Set{Name: "ddl_sql"})
	return f
}

func group() survey.Seen {
	east, west := []string{"all", "east", "east_more", "ddl_sql"}, []string{"all", "reference"}
	s := survey.Seen{Name: "grp",
		DSN: map[string]string{"a1": "postgres://u:s3cret@fra-db-01.example:5433/app", "a2": "host=fra-db-02.example dbname=app", "b1": "host=ham-db-01.example dbname=app", "b2": "host=ham-db-02.example dbname=app"},
		Fact: map[string]*catalog.Facts{
			"a1": facts("a1", map[string][]string{"a2": east, "b1": {"all"}, "b2": {"all"}}),
			"a2": facts("a2", map[string][]string{"a1": east, "b1": {"all"}, "b2": {"all"}}),
			"b1": facts("b1", map[string][]string{"b2": west, "a1": {"all"}, "a2": {"all"}}),
			"b2": facts("b2", map[string][]string{"b1": west, "a1": {"all"}, "a2": {"all"}}),
		}}
	s.Fact["b2"].Server.Version = "17.1"
	s.Fact["a1"].Slots = []catalog.Slot{{Name: "barman_a", Type: "physical", Active: true}, {Name: "tmp", Type: "physical", Temporary: true}, {Name: "bdr_app_grp", Type: "logical"}}
	return s
}

func TestMake(t *testing.T) {
	witness := group()
	witness.DSN["w"] = "host=10.0.0.1 dbname=app"
	witness.Fact["a1"].Peers = []catalog.Peer{{Name: "w", Kind: "witness"}, {Name: "b2", Kind: "subscriber-only"}}
	witness.Fact["a1"].Subscriptions = append(witness.Fact["a1"].Subscriptions, catalog.Subscription{Provider: "w", Sets: []string{"all"}})
	witness.Fact["a2"].Gaps = []catalog.Failure{{Part: catalog.PartSets, Detail: "permission denied for table replication_set"}}
	for name, seen := range map[string]survey.Seen{"group": group(), "witness": witness} {
		t.Run(name, func(t *testing.T) {
			d, err := survey.Make(seen)
			require.NoError(t, err)
			got := string(d.YAML) + "--- incomplete\n" + strings.Join(d.Incomplete, "\n") + "\n--- notes\n" + strings.Join(d.Notes, "\n") + "\n"
			require.NotContains(t, got, "s3cret")
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
			load(t, d.YAML)
		})
	}
}

func TestMakeRefusesAnUnknownDatacenter(t *testing.T) {
	s := group()
	s.DR = []string{"dr"}
	_, err := survey.Make(s)
	require.EqualError(t, err, "no datacenter of the draft is called dr: there are fra, ham")
}

// What the draft proposes can be uncommented as it stands, and is refused where
// somebody has to fill in a name.
func TestTheProposedBackupsFitThePlan(t *testing.T) {
	s := group()
	s.DR = []string{"ham"}
	d, err := survey.Make(s)
	require.NoError(t, err)
	head, proposal, found := strings.Cut(string(d.YAML), "# barman:\n")
	require.True(t, found)
	plan := load(t, []byte(head+"barman:\n"+strings.ReplaceAll(proposal, "# ", "")))
	require.Equal(t, []string{"barman-fra", "barman-ham"}, plan.Topology.BarmanNames())
	broken := errorsOf(plan)
	require.Contains(t, broken, "backup/slot-valid")
	require.NotContains(t, broken, "backup/datacenter-has-barman")
	require.NotContains(t, broken, "backup/source-colocated")
}

// A datacenter called after disaster recovery stands by, unless somebody says
// which do.
func TestRoleOfDatacenters(t *testing.T) {
	for names, want := range map[string]string{
		"dc1n1 dc1n2 dr1n1 dr1n2":                 "dr1",
		"a1 a2 b1 b2":                             "",
		"dresden1 dresden2 drs1 drs2":             "",
		"fra-dr-01 fra-dr-02 fra-db-01 fra-db-02": "fra-dr",
	} {
		s := survey.Seen{Name: "x", DSN: map[string]string{}}
		for _, n := range strings.Fields(names) {
			s.DSN[n] = "host=192.0.2.7 dbname=app"
		}
		d, err := survey.Make(s)
		require.NoError(t, err)
		var dr []string
		for name, dc := range load(t, d.YAML).Topology.Datacenters {
			if dc.Role == schema.RoleDR {
				dr = append(dr, name)
			}
		}
		require.Equal(t, want, strings.Join(dr, " "), names)
	}
}

// Datacenters are told from names only when there is no doubt.
func TestPlacesAreGuessedOnlyFromAPattern(t *testing.T) {
	for names, want := range map[string]int{
		"dc1n1 dc1n2 dc2n1 dc2n2":   2,
		"a1 a2 b1 b2":               2,
		"db1 db2 db3 db4":           1, // one prefix
		"a1 a2 b1":                  1, // a lone node
		"a1 a2 b1 b2 witness":       1, // one without a number
		"north south":               1,
		"fra-01 fra-02 ham_1 ham_2": 2,
	} {
		s := survey.Seen{Name: "x", DSN: map[string]string{}}
		for _, n := range strings.Fields(names) {
			s.DSN[n] = "host=192.0.2.7 dbname=app"
		}
		d, err := survey.Make(s)
		require.NoError(t, err)
		require.Len(t, load(t, d.YAML).Topology.Datacenters, want, names)
	}
}
