package catalog

import (
	"fmt"
	"slices"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// flavour is one way of replicating nodes: how it is recognised and what is
// read of it. A new one is a file with a value of this type, and a line in
// flavours.
type flavour struct {
	names []Flavour // the lines that it covers
	// extension is the one that it speaks for, of replicators; "": PostgreSQL's own.
	extension string
	// detect returns which of its names the server runs, or "".
	detect func(p *probe) Flavour
	// queries returns what is read, for the versions the probe shows.
	queries func(p *probe, name Flavour) []query
	// optional are relations that later releases of the lines have and that the
	// usual rights do not open; the role is granted those that are there.
	optional []string
	history  bool // it keeps conflicts in a relation, which a role of its own may read in full
	// finish derives what takes several parts; nil when there is nothing.
	finish func(f *Facts)
}

// flavours are all that can be read.
var flavours = []flavour{
	bdr36, bdr37, pgd4, pgd5, pgd6,
	pglogical2,
	native,
}

// Flavours returns the names of all flavours that can be read.
func Flavours() []Flavour {
	var out []Flavour
	for _, fl := range flavours {
		out = append(out, fl.names...)
	}
	slices.Sort(out)
	return out
}

// replicators are extensions that replicate, in the order of precedence: BDR 3
// brings pglogical with it, and either can stand beside native publications.
var replicators = []string{"bdr", "spock", "pgactive", "pglogical"}

// detect returns the flavour of a server, or the one that is asked for. A
// replicating extension of a line that is not known hides none behind it: the
// flavour is then Unknown.
func detect(p *probe, want Flavour) (flavour, Flavour) {
	for _, fl := range flavours {
		if want != "" && slices.Contains(fl.names, want) {
			return fl, want
		}
	}
	if want != "" {
		return flavour{}, Unknown
	}
	for _, extension := range replicators {
		if _, ok := p.Extensions[extension]; !ok || extension == "pglogical" && p.nativeOnly() {
			continue
		}
		for _, fl := range flavours {
			if name := fl.detect(p); fl.extension == extension && name != "" {
				return fl, name
			}
		}
		return flavour{}, Unknown
	}
	for _, fl := range flavours {
		if name := fl.detect(p); fl.extension == "" && name != "" {
			return fl, name
		}
	}
	return flavour{}, Unknown
}

// strangerGaps are those of a server that is replicated by what no flavour here
// reads: the generic facts stand, and whatever asks for nodes or edges must
// answer "unknown". A server where nothing replicates has none.
func strangerGaps(p *probe) []Failure {
	for _, name := range replicators {
		version, ok := p.Extensions[name]
		if !ok {
			continue
		}
		var out []Failure
		for _, part := range []Part{PartNodes, PartSubscriptions, PartSets, PartRaft, PartConflicts} {
			out = append(out, Failure{Part: part, Attempted: "recognise what replicates the node", Reason: string(cluster.Failed),
				Detail: fmt.Sprintf("extension %s %s is of no flavour that is known: only generic facts were read", name, version)})
		}
		return out
	}
	return nil
}
