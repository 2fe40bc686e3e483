package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// writeGitHub writes workflow commands that GitHub shows beside the lines of a
// pull request, worst first because it shows only the first ten of a kind. The
// job summary is the markdown format.
func writeGitHub(w io.Writer, r *Report, _ Options) error {
	b := bufio.NewWriter(w)
	for _, p := range r.problems(false) {
		command := "error"
		switch {
		case p.status == checks.Unknown, p.severity == schema.Warning:
			command = "warning"
		case p.severity == schema.Info:
			command = "notice"
		}
		var props []string
		if p.pos.IsValid() {
			props = append(props, "file="+githubProperty(p.pos.File), fmt.Sprintf("line=%d", p.pos.Line), fmt.Sprintf("col=%d", max(1, p.pos.Column)))
		}
		title := p.rule
		if p.status == checks.Unknown {
			title += " (unknown)"
		}
		props = append(props, "title="+githubProperty(title))
		fmt.Fprintf(b, "::%s %s::%s\n", command, strings.Join(props, ","), githubData(p.message))
	}
	command := "notice"
	if r.Verdict != OK {
		command = "error"
	}
	fmt.Fprintf(b, "::%s title=pgconcord::%s\n", command, githubData(clean(r.Sentence)))
	return b.Flush()
}

// What ends a command or a property has to be escaped, as the runner's own
// toolkit does.
var (
	githubDataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubPropertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func githubData(s string) string     { return githubDataEscapes.Replace(s) }
func githubProperty(s string) string { return githubPropertyEscapes.Replace(s) }
