package schema

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"
)

//go:generate go run ../internal/rulegen

//go:embed *.cue
var files embed.FS

// vetFile serves the plain cue command alone: it turns violations into
// evaluation errors, which Go reads as data instead.
const vetFile = "vet.cue"

// The files whose fields the evaluator has to see first.
const (
	shapeFile = "shape.cue"
	indexFile = "index.cue"
)

// Files returns the published CUE package, file by file, as the plain cue
// command takes it.
func Files() []Input {
	names, err := fs.Glob(files, "*.cue")
	if err != nil {
		panic(err) // the pattern is constant
	}
	var out []Input
	for _, n := range names { // Glob sorts
		b, err := files.ReadFile(n)
		if err != nil {
			panic(err) // embedded
		}
		out = append(out, Input{Name: n, Data: b})
	}
	return out
}

// ImportPath is how a user's own CUE imports the published package.
const ImportPath = "github.com/pgconcord/pgconcord/schema"

// ours marks the file names of the embedded package in positions, so that no
// user's file can be mistaken for one of them.
const ours = "pgconcord:schema/"

// compile builds the embedded package together with house rules, which are
// files of the same package, and with facts, which are a file more: filling
// them in later would evaluate everything once more.
func compile(ctx *cue.Context, house []*ast.File, f factTables) (cue.Value, error) {
	inst := build.NewContext().NewInstance("", nil)
	files, err := ruleFiles()
	if err != nil {
		return cue.Value{}, fmt.Errorf("the embedded rules do not parse: %w", err)
	}
	told, err := tell(f)
	if err != nil {
		return cue.Value{}, err
	}
	for _, f := range append(files, told) {
		if err := inst.AddSyntax(f); err != nil {
			return cue.Value{}, fmt.Errorf("the embedded rules do not compile: %w", err)
		}
	}
	for _, h := range house {
		if err := inst.AddSyntax(h); err != nil {
			return cue.Value{}, err
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, err
	}
	v := ctx.BuildInstance(inst)
	return v, v.Err()
}

// ruleFiles are the embedded files, parsed anew: building an instance writes
// into the syntax. Those that only serve the plain cue command are left out.
//
// Their order is that in which the evaluator works. A look into a table that is
// not finished yet walks all of it, so the topology comes before the tables, and
// these before the rules.
func ruleFiles() ([]*ast.File, error) {
	var out []*ast.File
	for _, f := range Files() {
		if f.Name == vetFile {
			continue
		}
		file, err := parser.ParseFile(ours+f.Name, f.Data)
		if err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	order := []string{ours + shapeFile, ours + indexFile}
	slices.SortStableFunc(out, func(a, b *ast.File) int {
		i, j := slices.Index(order, a.Filename), slices.Index(order, b.Filename)
		return cmp.Compare(uint(i), uint(j)) // those that are not named last
	})
	return out, nil
}

// tell writes facts down as a file of the package.
func tell(f factTables) (*ast.File, error) {
	known, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode facts: %w", err)
	}
	file, err := parser.ParseFile(ours+"facts.cue", append([]byte("package topology\n#facts: "), known...))
	if err != nil {
		return nil, fmt.Errorf("write down facts: %w", err)
	}
	return file, nil
}

// parsePolicy reads house files; each must be of package topology, for a file
// without a package would see neither the topology nor the rules.
func parsePolicy(policy []Input) ([]*ast.File, error) {
	var out []*ast.File
	e := &InputError{}
	for _, p := range policy {
		f, err := parser.ParseFile(p.Name, p.Data, parser.ParseComments)
		if err != nil {
			e.Problems = append(e.Problems, syntaxProblems(p.Name, err)...)
			continue
		}
		if name := f.PackageName(); name != "topology" {
			msg := "the file has no package clause"
			if name != "" {
				msg = fmt.Sprintf("the file is of package %s", name)
			}
			e.Problems = append(e.Problems, Problem{Pos: Position{p.Name, 1, 1}, Message: msg, Remedy: "house rules begin with: package topology"})
			continue
		}
		out = append(out, f)
	}
	if len(e.Problems) > 0 {
		return nil, e
	}
	return out, nil
}
