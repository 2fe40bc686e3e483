package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// Databases of one server share its system identifier and the names of slots, and
// groups in them may call their members alike.
func TestProviderAmongDatabases(t *testing.T) {
	f := &fencer{surveys: map[string]*survey{}}
	node := func(name, local, system, database string, recovery bool, slots ...string) {
		f.surveys[name] = &survey{node: name, system: system, database: database, inRecovery: recovery, slots: slots, repl: replication{localName: local}}
	}
	node("a1", "one", "1", "a", false, "sub_a2")
	node("a1-standby", "one", "1", "a", true, "sub_a2")
	node("b1", "one", "1", "b", false, "sub_b2")
	node("b1-standby", "one", "1", "b", true)
	node("a2", "two", "2", "a", false)
	node("lone", "three", "3", "a", false)
	node("x", "same", "4", "x", false)
	node("y", "same", "4", "y", false)

	for _, c := range []struct{ named, slot, want string }{
		{"", "sub_a2", "a1"}, {"", "sub_b2", "b1"}, {"", "nosuch", ""}, {"", "", ""},
		{"one", "sub_a2", "a1"}, {"one", "sub_b2", "b1"}, {"one", "nosuch", ""}, {"three", "dropped", "lone"}, {"same", "nosuch", ""}, {"stranger", "s", "stranger"},
	} {
		for range 20 { // whatever the order of a map
			require.Equal(t, c.want, f.provider("a2", catalog.Subscription{Provider: c.named, Slot: c.slot}), c)
		}
	}
	require.Equal(t, "a1", f.primary("a1-standby"))
	require.Equal(t, "b1", f.primary("b1-standby"))
}
