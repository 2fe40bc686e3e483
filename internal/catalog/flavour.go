package catalog

import "slices"

// flavour is one way of replicating nodes: how it is recognised and what is
// read of it. A new one is a file with a value of this type, and a line in
// flavours.
type flavour struct {
	names []Flavour // the lines that it covers
	// detect returns which of its names the server runs, or "".
	detect func(p *probe) Flavour
	// queries returns what is read, for the versions the probe shows.
	queries func(p *probe, name Flavour) []query
	// finish derives what takes several parts; nil when there is nothing.
	finish func(f *Facts)
}

// flavours, in the order in which they are looked for: BDR 3 brings pglogical
// with it, and either can stand beside native publications.
var flavours = []flavour{
	pglogical2,
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

// detect returns the flavour of a server, or the one that is asked for.
func detect(p *probe, want Flavour) (flavour, Flavour) {
	for _, fl := range flavours {
		if want != "" && slices.Contains(fl.names, want) {
			return fl, want
		}
	}
	for _, fl := range flavours {
		if name := fl.detect(p); name != "" && want == "" {
			return fl, name
		}
	}
	return flavour{}, Unknown
}
