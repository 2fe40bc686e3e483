package checks

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

//go:embed waivers.cue
var waiversCUE []byte

// WaiversDefinition is the CUE definition of a file of waivers, #Waivers.
func WaiversDefinition() schema.Input { return schema.Input{Name: "waivers.cue", Data: waiversCUE} }

// LoadWaivers reads waivers from CUE, YAML or JSON; several inputs are merged.
// A waiver must end within a year of now, so that nobody forgets it for good.
// The error is a [*schema.InputError].
func LoadWaivers(inputs []schema.Input, now time.Time) (Waivers, error) {
	var file struct {
		Waivers map[string]Waiver `json:"waivers"`
	}
	positions, err := schema.Decode(inputs, WaiversDefinition(), "#Waivers", "the file of waivers", &file)
	if err != nil {
		return nil, err
	}
	var out Waivers
	refused := &schema.InputError{}
	refuse := func(w Waiver, field, remedy, format string, args ...any) {
		refused.Problems = append(refused.Problems, schema.Problem{Pos: positions.Pos("waivers", w.Name, field),
			Message: "waiver " + w.Name + ": " + fmt.Sprintf(format, args...), Remedy: remedy})
	}
	latest := now.UTC().AddDate(1, 0, 0)
	for _, name := range slices.Sorted(maps.Keys(file.Waivers)) {
		w := file.Waivers[name]
		w.Name, w.Pos = name, positions.Pos("waivers", name)
		day, err := time.Parse(time.DateOnly, w.Expires)
		switch {
		case err != nil:
			refuse(w, "expires", "give the last day it holds", "%s is no day of the calendar", w.Expires)
		case day.After(latest):
			refuse(w, "expires", "give a day until "+latest.Format(time.DateOnly), "expires %s, more than a year ahead", w.Expires)
		}
		if aboutWaivers(w.Rule) {
			refuse(w, "rule", "mend or remove the waiver that it is about", "findings about waivers cannot be waived")
		}
		out = append(out, w)
	}
	if len(refused.Problems) > 0 {
		return nil, refused
	}
	return out, nil
}

// didYouMean offers the known rule whose name is nearest.
func didYouMean(rule string, known []Check) string {
	var names []string
	for _, c := range known {
		names = append(names, c.Name)
	}
	if s := schema.Nearest(strings.ToLower(rule), names); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}
