package reports

import (
	_ "embed"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	cuejson "cuelang.org/go/encoding/json"
)

//go:embed report.cue
var definition []byte

// Definition returns the CUE source of the published shape of a report.
func Definition() []byte { return definition }

// Validate checks the JSON of a report against the published definition. The
// error says which member is wrong.
func Validate(data []byte) error {
	ctx := cuecontext.New()
	file := ctx.CompileBytes(definition, cue.Filename("report.cue"))
	if err := file.Err(); err != nil {
		return fmt.Errorf("compile the definition of a report: %w", err)
	}
	shape := file.LookupPath(cue.ParsePath("#Report"))
	expr, err := cuejson.Extract("report.json", data)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	if err := shape.Unify(ctx.BuildExpr(expr)).Validate(cue.Concrete(true)); err != nil {
		var faults []string
		for _, e := range errors.Errors(err) {
			faults = append(faults, e.Error())
		}
		return fmt.Errorf("the report does not have the shape of version %s: %s", SchemaVersion, strings.Join(shortList(faults, 3), "; "))
	}
	return nil
}
