package schema

import "strings"

// dsnFacts is #DSNFacts: what there is to say of the connection strings of
// nodes or of joins, by name.
type dsnFacts struct {
	Invalid map[string]string            `json:"invalid"`
	Local   map[string]string            `json:"local"`
	Unnamed map[string]string            `json:"unnamed"`
	Service map[string]string            `json:"service"`
	Secret  map[string]string            `json:"secret"`
	Weak    map[string]map[string]string `json:"weak"`
}

// users is who has an address.
type users struct {
	Nodes map[string]bool `json:"nodes"`
	Joins map[string]bool `json:"joins"`
}

type factTables struct {
	Nodes        dsnFacts         `json:"nodes"`
	Joins        dsnFacts         `json:"joins"`
	SeveralHosts bool             `json:"several_hosts"`
	Shared       map[string]users `json:"shared"`
}

// facts tells the rules what Go reads out of the connection strings, which are
// given by place: only what there is to find fault with, for CUE pays for every
// value.
func facts(dsns map[string]string) factTables {
	out := factTables{Nodes: newFacts(), Joins: newFacts(), Shared: map[string]users{}}
	hosts, all := map[string]bool{}, map[string]users{}
	for at, s := range dsns {
		parts := strings.Split(at, "\x00")
		name, f := parts[1], out.Nodes
		if parts[0] == "joins" {
			f = out.Joins
		}
		d, err := ParseDSN(s)
		if err != nil {
			f.Invalid[name] = err.Error()
			continue
		}
		address := d.Address()
		f.add(name, address, d)
		for _, h := range d.Hosts {
			switch {
			case h.Host == "" && d.Service != "": // not known
			case h.local():
				hosts[""] = true
			default:
				hosts[strings.ToLower(h.Host)] = true
			}
		}
		if d.Service != "" { // a service file may say the rest
			continue
		}
		if all[address].Nodes == nil {
			all[address] = users{map[string]bool{}, map[string]bool{}}
		}
		if parts[0] == "joins" {
			all[address].Joins[name] = true
		} else {
			all[address].Nodes[name] = true
		}
	}
	out.SeveralHosts = len(hosts) > 1
	for a, u := range all {
		if len(u.Nodes)+len(u.Joins) > 1 {
			out.Shared[a] = u
		}
	}
	return out
}

func newFacts() dsnFacts {
	return dsnFacts{map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}, map[string]map[string]string{}}
}

func (f dsnFacts) add(name, address string, d DSN) {
	if d.Local() {
		f.Local[name] = address
	}
	if d.Service != "" {
		f.Service[name] = address
	}
	if d.Database == "" && d.Service == "" {
		f.Unnamed[name] = address
	}
	if d.Secret {
		f.Secret[name] = address
	}
	if d.SSLMode != "verify-full" && (d.SSLMode != "" || d.Service == "") {
		if f.Weak[d.SSLMode] == nil {
			f.Weak[d.SSLMode] = map[string]string{}
		}
		f.Weak[d.SSLMode][name] = address
	}
}
