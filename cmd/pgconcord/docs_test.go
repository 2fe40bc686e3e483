package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
)

// Commands of the docs that this test does not run, and why; each is run
// elsewhere.
var runElsewhere = map[string]string{
	"pgconcord demo":        "starts a real cluster: make demo, and the tests of the lab",
	"pgconcord import clus": "asks a running cluster: the live script",
}

// docCommand is a command line that some document shows.
type docCommand struct{ file, line string }

var (
	shown  = regexp.MustCompile(`^\s*(?:\$ |- run: |(?:[\d*]+ ){5}.*&& )?(pgconcord [a-z].*)$`)
	inline = regexp.MustCompile("`(pgconcord [a-z][^`]*)`")
)

// documents lists the repository's Markdown files.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "golden") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		out[filepath.ToSlash(strings.TrimPrefix(name, root+string(filepath.Separator)))] = string(text)
		return err
	}))
	require.Contains(t, out, "README.md")
	return out
}

// shownCommands are the command lines in blocks of code of the documents and in
// the examples of --help, each once.
func shownCommands(t *testing.T) []docCommand {
	t.Helper()
	var out []docCommand
	add := func(file, line string) {
		line = strings.TrimSpace(regexp.MustCompile(`\s+#.*$`).ReplaceAllString(line, ""))
		if !slices.ContainsFunc(out, func(c docCommand) bool { return c.line == line }) {
			out = append(out, docCommand{file, line})
		}
	}
	docs := documents(t)
	for _, file := range sortedNames(docs) {
		fenced := false
		text := strings.ReplaceAll(docs[file], "\\\n", " ")
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
				continue
			}
			if m := shown.FindStringSubmatch(line); m != nil && (fenced || strings.HasPrefix(line, "    ")) {
				add(file, m[1])
			}
		}
	}
	for _, s := range scheduled(t) {
		add("reports/schedule", s)
	}
	for _, c := range allCommands(newRootCmd(newApp())) {
		for _, line := range strings.Split(c.Example, "\n") {
			add(c.CommandPath()+" --help", line)
		}
	}
	return out
}

// scheduled are the command lines of the systemd service and the CronJob.
func scheduled(t *testing.T) []string {
	t.Helper()
	unit, err := os.ReadFile("../../reports/schedule/pgconcord.service")
	require.NoError(t, err)
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/(pgconcord .*)$`).FindSubmatch(regexp.MustCompile(`\\\n\s*`).ReplaceAll(unit, nil))
	require.NotNil(t, start, "ExecStart")
	job, err := os.ReadFile("../../reports/schedule/cronjob.yaml")
	require.NoError(t, err)
	args := regexp.MustCompile(`(?s)args:\n(.*?)\n {14}[a-z]`).FindSubmatch(job)
	require.NotNil(t, args, "args")
	line := "pgconcord " + strings.Join(strings.Fields(strings.ReplaceAll(string(args[1]), "- ", "")), " ")
	return []string{string(start[1]), line}
}

// systemd takes the units, where there is a systemd to ask.
func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"pgconcord.service", "pgconcord.timer"} {
		data, err := os.ReadFile(filepath.Join("../../reports/schedule", name))
		require.NoError(t, err)
		data = []byte(strings.ReplaceAll(string(data), "/usr/local/bin/pgconcord", "/bin/true")) // it wants the program to be there
		units = append(units, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(units[len(units)-1], data, 0o644))
	}
	said, err := exec.Command(analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, units...)...).CombinedOutput()
	require.NoError(t, err, string(said))
	require.NotContains(t, string(said), "pgconcord.")
}

func sortedNames(m map[string]string) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// histories are the folders of reports that the documents speak of.
var histories = []string{"nights", "var/lib/pgconcord", "var/lib/pgconcord/history"}

// docProject is a folder with what the documents' commands name: a plan of
// nodes that refuse connections, saved facts, reports, a history, keys.
func docProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	take := func(from string) []byte {
		data, err := os.ReadFile(filepath.Join("..", "..", "testdata", from))
		require.NoError(t, err)
		return data
	}
	plan := regexp.MustCompile(`host=[a-z0-9.-]+`).ReplaceAllString(string(take("topologies/bdr-worldwide.yaml")), "host=127.0.0.1 port=1")
	plan = regexp.MustCompile(`(?m)^(\s+)dc1n2:(.*)$`).ReplaceAllString(plan, "$0\n${1}dc1n3:$2")
	plan = strings.Replace(plan, "dc1n2, dr1n1]", "dc1n2, dc1n3, dr1n1]", 1)
	for _, name := range []string{"topology.yaml", "plan.yaml", "topology/topology.yaml", "pgconcord-demo/topology.yaml", "etc/pgconcord/topology.yaml"} {
		put(name, []byte(plan))
	}
	put("facts.json", take("facts/mesh.json"))
	put("config.yml", []byte(strings.ReplaceAll(string(take("tpa/pgd-x.yml")), "west", "dr")))
	put("rows.json", take("../reports/testdata/golden/everything.json"))
	put("policy/house.cue", []byte("package topology\n"))
	put("mended.csv", []byte("data_set,table,key\n"+`first,public.accounts,"{""region"":""EU"",""id"":""17""}"`+"\n"))
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	put("operator.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	der, err = x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	put("operator.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "var/lib/node_exporter/textfile"), 0o755))
	for _, history := range histories {
		code, _, errs := sh(t, dir, "pgconcord report topology.yaml --facts facts.json --no-rows --history "+history+" --sign-key operator.key --output report.json --quiet")
		require.Contains(t, []int{0, 1, 3}, code, errs)
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "report.json"), filepath.Join(dir, "old.json")))
	put("report.json", read(t, dir, "old.json"))
	return dir
}

// Every command line that the documents and --help show is run as it stands,
// with folders of the system moved into a project's, and is no wrong use.
func TestShownCommandsRun(t *testing.T) {
	dir := docProject(t)
	rows := read(t, dir, "rows.json")
	t.Setenv("PGCONCORD_WAIT", "1s") // for nodes that are not there
	all := shownCommands(t)
	require.Greater(t, len(all), 20)
	files := map[string]bool{}
	for _, c := range all {
		if why := elsewhere(c.line); why != "" {
			t.Logf("not run here: %s (%s): %s", c.line, c.file, why)
			continue
		}
		files[c.file] = true
		t.Run(c.line, func(t *testing.T) {
			line := strings.NewReplacer(" /var/lib/", " var/lib/", "=/var/lib/", "=var/lib/", " /etc/", " etc/", " --wait 30m", " --wait 1s").Replace(c.line)
			if strings.Contains(line, "--history") { // at the tests' clock every run is the same one
				for _, h := range histories {
					require.NoError(t, os.RemoveAll(filepath.Join(dir, h)))
				}
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "var/lib/pgconcord"), 0o755)) // as systemd's StateDirectory does
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rows.json"), rows, 0o600)) // a comparison before it may have written another
			code, _, errs := sh(t, dir, line)
			require.Contains(t, []int{0, 1, 3}, code, "%s: %s\n%s", c.file, line, errs)
			for _, m := range regexp.MustCompile(`--output[ =](\S+)`).FindAllStringSubmatch(line, -1) {
				if !strings.HasPrefix(line, "pgconcord import") {
					require.FileExists(t, filepath.Join(dir, m[1]), line)
				}
			}
		})
	}
	require.True(t, files["README.md"], "the README shows how it is used")
}

func elsewhere(line string) string {
	for start, why := range runElsewhere {
		if strings.HasPrefix(line, start) {
			return why
		}
	}
	return ""
}

// Commands within sentences exist, and their flags do.
func TestInlineCommandsExist(t *testing.T) {
	docs := documents(t)
	n := 0
	for _, file := range sortedNames(docs) {
		for _, m := range inline.FindAllStringSubmatch(docs[file], -1) {
			n++
			words := shellWords(m[1])
			cmd, _, err := newRootCmd(newApp()).Find(words[1:])
			require.NoError(t, err, "%s: %s", file, m[1])
			require.True(t, cmd.HasParent(), "%s: %s", file, m[1])
			cmd.InheritedFlags()
			for _, w := range words {
				if name, _, _ := strings.Cut(strings.TrimPrefix(w, "--"), "="); strings.HasPrefix(w, "--") && name != "help" {
					require.NotNil(t, cmd.Flags().Lookup(name), "%s: %s", file, m[1])
				}
			}
		}
	}
	require.NotZero(t, n)
}

// Rules that documents name exist.
func TestNamedRulesExist(t *testing.T) {
	known, families := map[string]bool{"rows/differ": true, "rows/incomplete": true}, map[string]bool{}
	for _, c := range checks.All() {
		known[c.Name] = true
		families[strings.Split(c.Name, "/")[0]] = true
	}
	for file, text := range documents(t) {
		for _, m := range regexp.MustCompile("`([a-z]+)/([a-z-]+)`").FindAllStringSubmatch(text, -1) {
			if families[m[1]] {
				require.True(t, known[m[1]+"/"+m[2]], "%s: there is no rule %s/%s", file, m[1], m[2])
			}
		}
	}
}
