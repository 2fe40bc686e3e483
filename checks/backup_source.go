package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// BackupSourceAsDeclared: the node the WAL really comes from is the plan's.
var BackupSourceAsDeclared = Check{
	Name:  "backup/source-as-declared",
	Title: "Each Barman server is fed by the node that the plan names",
	Why: "Nodes of a multi-master mesh are physically different: WAL of one cannot continue a backup of the other. A server " +
		"section fed by another node than believed is found out at restore time.",
	Remedy: "If the change was meant, say so in the plan and take a new backup of the new source; if not, point conninfo and " +
		"streaming_conninfo of the section back and restart its receiver.",
	Source:   "bdr-worldwide-specification, A8: each Barman takes backups and WAL from a master in its own region",
	Severity: schema.Error,
	Needs:    NeedsFacts | NeedsBarman,
	Run:      perSection("backup/source-as-declared", schema.Error, sourceAsDeclared),
}

// BackupSourceRepointed: another master of the region is the source for now.
var BackupSourceRepointed = Check{
	Name:  "backup/source-repointed",
	Title: "No Barman server was pointed to another node of its datacenter than the plan names",
	Why: "When a source fails its Barman may be pointed to the other master. Then the plan, the slots on both nodes and the " +
		"backups have to follow, or the change is forgotten until a restore.",
	Remedy: "Take a new backup of the new source, drop Barman's slot on the old one once it is back, and put the new source into " +
		"the plan or point the section back.",
	Source:   "bdr-worldwide-specification, A11: when the source fails Barman may be pointed to the other master",
	Severity: schema.Warning,
	Needs:    NeedsFacts | NeedsBarman,
	Run:      perSection("backup/source-repointed", schema.Warning, sourceRepointed),
}

// clue is one thing that tells where a section's WAL or backups come from.
type clue struct {
	nodes []string // of the plan; more than one when physical copies share an identity; none: a server that is no node
	text  string   // "slot barman_a of dc1n1 is read by barman_receive_wal"
	how   string
	firm  bool // shows where data do come from, not only where they should
}

func (c clue) says(node string) bool { return slices.Contains(c.nodes, node) }

const sourceHow = "system identifiers, physical slots and walsenders of all nodes; conninfo of the section"

func sourceAsDeclared(s section) Finding {
	if s.plan.Passive {
		return skip("the plan has server %s copy another Barman's backups and WAL", s.plan.Server)
	}
	node := s.plan.Node
	if set := s.server.Settings; set.Known() && set.Passive {
		return fail("server %s is fed by another Barman, whose backups it copies, and not by %s", s.plan.Server, node).
			evidence("primary_ssh_command is set", "everything from "+node, set.From)
	}
	cs := clues(s)
	var yes, no, texts, hows []string
	for _, c := range cs {
		texts = append(texts, c.text)
		if !slices.Contains(hows, c.how) {
			hows = append(hows, c.how)
		}
		switch {
		case !c.says(node):
			no = append(no, c.text)
		case c.firm:
			yes = append(yes, c.text)
		}
	}
	how := sourceHow
	if len(hows) > 0 {
		how = strings.Join(hows, "; ")
	}
	done := func(f Finding) Finding {
		return f.evidence(strings.Join(texts, "; "), "everything from "+node, how)
	}
	switch {
	case len(no) > 0 && len(yes) > 0:
		return done(fail("server %s is to be fed by %s, but not all of it is: %s", s.plan.Server, node, strings.Join(no, "; ")))
	case len(no) > 0:
		return done(fail("server %s is not fed by %s: %s", s.plan.Server, node, strings.Join(no, "; ")))
	case len(yes) > 0:
		return done(pass("server %s is fed by %s", s.plan.Server, node))
	case len(texts) > 0:
		return done(unknown("server %s is set to %s, but nothing shows that anything comes from there now: %s", s.plan.Server, node, s.whyNoClue()))
	}
	return done(unknown("cannot tell which node feeds server %s: %s", s.plan.Server, s.whyNoClue()))
}

func sourceRepointed(s section) Finding {
	f := sourceAsDeclared(s)
	cs := clues(s)
	if f.Status != Fail {
		if f.Status == Pass {
			f.Message = fmt.Sprintf("server %s is fed by %s as planned", s.plan.Server, s.plan.Node)
		}
		return f
	}
	if len(cs) == 0 || cs[0].says(s.plan.Node) { // passive, or fed by two
		return skip("server %s is not fed by one other node of the plan: see backup/source-as-declared", s.plan.Server)
	}
	to := cs[0].nodes
	for _, c := range cs {
		if len(c.nodes) != 1 || len(to) != 1 || c.nodes[0] != to[0] {
			return skip("server %s is not fed by one other node of the plan: see backup/source-as-declared", s.plan.Server)
		}
	}
	from, now := s.in.Plan.Nodes[s.plan.Node].Datacenter, s.in.Plan.Nodes[to[0]].Datacenter
	if from != now {
		return skip("server %s is fed by %s of another datacenter, %s: see backup/source-as-declared", s.plan.Server, to[0], now)
	}
	f.Message = fmt.Sprintf("server %s was pointed from %s to %s, both of datacenter %s; the plan still names %s", s.plan.Server, s.plan.Node, to[0], from, s.plan.Node)
	return f
}

func (s section) whyNoClue() string {
	var why []string
	if _, w := s.facts(catalog.PartSlots, catalog.PartSenders); w != "" {
		why = append(why, w)
	} else if s.slot() != "" {
		f, _ := s.facts()
		app, _ := s.archiver()
		if _, w := senderOf(f, s.slot(), app); w != "" {
			why = append(why, w+" on "+s.plan.Node)
		}
	}
	if !s.server.Settings.Known() {
		why = append(why, s.unread("settings"))
	}
	if l := s.server.Live; l.Unreachable != "" {
		why = append(why, "Barman could not connect to the source: "+l.Unreachable)
	}
	if len(why) == 0 {
		why = append(why, "nothing that was read tells")
	}
	return strings.Join(why, "; ")
}

// clues gathers all that tells where the section gets its WAL and backups, the
// firmest first.
func clues(s section) []clue {
	out := slotClues(s)
	live := liveClues(s)
	out = append(out, live...)
	// What Barman saw at the other end of a connection string outweighs what
	// the string looks like.
	return append(out, addressClues(s, len(live) > 0)...)
}

// slotClues finds the nodes on which the section's slot is being read by
// Barman's receiver. A slot name that other sections use on their own sources
// is theirs there.
func slotClues(s section) []clue {
	slot := s.slot()
	if slot == "" || s.in.Cluster == nil {
		return nil
	}
	app, _ := s.archiver()
	var out []clue
	for _, node := range s.in.Plan.NodeNames() {
		f, _ := factsOf(s.in, node, catalog.PartSlots, catalog.PartSenders)
		if f == nil {
			continue
		}
		sender, _ := senderOf(f, slot, app)
		if sender == nil || sender.Application != app || node != s.plan.Node && s.slotOfAnother(slot, node) {
			continue
		}
		out = append(out, clue{
			nodes: []string{node}, firm: true, how: "pg_replication_slots and pg_stat_replication of all nodes",
			text: fmt.Sprintf("slot %s of %s is read by %s", slot, node, app),
		})
	}
	return out
}

func (s section) slotOfAnother(slot, node string) bool {
	for _, o := range sectionsOf(s.in) {
		if (o.host != s.host || o.index != s.index) && o.plan.Node == node && o.slot() == slot {
			return true
		}
	}
	return false
}

// liveClues compare the system identifiers that Barman saw at the other end of
// its two connections with those of the nodes.
func liveClues(s section) []clue {
	l := s.server.Live
	if !l.Known() || s.stale(l.Origin) {
		return nil
	}
	var out []clue
	add := func(what, id string) {
		if id == "" {
			return
		}
		nodes, all := nodesWith(s.in, id)
		c := clue{nodes: nodes, firm: true, how: l.From}
		switch {
		case len(nodes) > 0:
			c.text = fmt.Sprintf("the server behind %s has system identifier %s, that of %s", what, id, strings.Join(nodes, " and "))
		case all:
			c.text = fmt.Sprintf("the server behind %s has system identifier %s, which no node of the plan has", what, id)
		default:
			own, _ := s.facts()
			if own == nil || own.Server.SystemID == "" {
				return // may be the declared node: it could not be read
			}
			c.text = fmt.Sprintf("the server behind %s has system identifier %s; %s has %s", what, id, s.plan.Node, own.Server.SystemID)
		}
		out = append(out, c)
	}
	add("conninfo", l.SystemID)
	add("streaming_conninfo", l.StreamingSystemID)
	return out
}

// nodesWith returns the nodes with a system identifier, and whether all nodes of
// the plan could be asked.
func nodesWith(in Input, id string) (nodes []string, all bool) {
	all = true
	for _, n := range in.Plan.NodeNames() {
		switch f, _ := factsOf(in, n); {
		case f == nil || f.Server.SystemID == "":
			all = false
		case f.Server.SystemID == id:
			nodes = append(nodes, n)
		}
	}
	return nodes, all
}

// addressClues compare the hosts and ports that the section is set to with the
// nodes' own. They are not firm, and an address that is no node's says nothing:
// a server has many names.
func addressClues(s section, live bool) []clue {
	set := s.server.Settings
	if !set.Known() || live {
		return nil
	}
	var out []clue
	add := func(option, addr string) {
		var nodes []string
		for _, n := range s.in.Plan.NodeNames() {
			if sameServer(addr, s.in.Plan.Nodes[n].Address(), set.Local) {
				nodes = append(nodes, n)
			}
		}
		if len(nodes) > 0 {
			out = append(out, clue{nodes: nodes, how: set.From, text: fmt.Sprintf("%s names %s, the address of %s", option, addr, strings.Join(nodes, " and "))})
		}
	}
	add("conninfo", set.Address)
	if set.StreamingAddress != set.Address {
		add("streaming_conninfo", set.StreamingAddress)
	}
	if set.WALAddress != set.StreamingAddress {
		add("wal_streaming_conninfo", set.WALAddress)
	}
	return out
}

// sameServer compares host and port; the database does not matter. A loopback
// or socket address means the same server only to programs of one machine.
func sameServer(a, b string, oneMachine bool) bool {
	hostB := hostPort(b)
	for _, one := range strings.Split(a, ",") {
		h := hostPort(one)
		if h == "" || h != hostB {
			continue
		}
		local := strings.HasPrefix(h, "127.") || strings.HasPrefix(h, "localhost:") || strings.HasPrefix(h, "[::1]") ||
			strings.HasPrefix(h, "::1") || strings.HasPrefix(h, "/") || strings.HasPrefix(h, "(")
		if !local || oneMachine {
			return true
		}
	}
	return false
}

// hostPort cuts the database off "host:port/database"; a socket folder holds
// slashes itself.
func hostPort(addr string) string {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return ""
	}
	port, _, _ := strings.Cut(addr[i+1:], "/")
	return strings.ToLower(addr[:i]) + ":" + port
}
