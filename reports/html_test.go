package reports_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
)

// Nothing is loaded from anywhere, and foreign text is only text.
func TestHTMLIsSelfContainedAndSafe(t *testing.T) {
	in := sampleInput()
	in.Findings = append(in.Findings, checks.Finding{Check: "a/b", Status: checks.Fail, Subject: checks.Subject{Node: `"><script>alert(1)</script>`},
		Message: `<img src=x onerror=alert(1)>`, Found: "'\"</dd>"})
	page := string(render(t, "html", reports.New("check", in), reports.Options{}))
	require.NotContains(t, page, "<script>alert")
	require.NotContains(t, page, "<img")
	for _, bad := range []string{` src="`, `href="http`, `@import`, `url(`} {
		require.NotContains(t, strings.ReplaceAll(page, "url(#tip)", ""), bad)
	}
	require.Equal(t, 1, strings.Count(page, "<script>"))
	require.Contains(t, page, `default-src 'none'`)
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.False(t, ids[m[1]], "id %s is given twice", m[1])
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.True(t, ids[m[1]], "a link leads to #%s, which is not there", m[1])
	}
}

// browser finds a Chromium for looking at pages.
func browser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium to look at the page with")
	return ""
}

func chromium(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "pgconcord-chromium-")
	require.NoError(t, err)
	defer os.RemoveAll(profile)
	fixed := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir=" + profile}
	out, err := exec.CommandContext(ctx, browser(t), append(fixed, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}

// What a person sees: the filters hide and show, details open, nothing is wider
// than a phone. The clicks are made by a script that is added to the page.
func TestHTMLInABrowser(t *testing.T) {
	browser(t)
	page := string(render(t, "html", samples()["everything"], reports.Options{}))
	probe := `<script>
(function () {
  var out = {}, shown = function () { return [].filter.call(document.querySelectorAll("details.finding"), function (d) { return d.offsetHeight > 0; }).map(function (d) { return d.dataset.status; }).sort().join(","); };
  var click = function (s) { document.querySelector('button[data-status="' + s + '"]').click(); };
  out.first = shown();
  click("fail"); out.fail = shown();
  out.pressed = document.querySelectorAll('button[aria-pressed="true"]').length;
  click("unknown"); out.unknown = shown();
  click(""); var node = document.getElementById("by-node"); node.value = "dc1n1"; node.dispatchEvent(new Event("change")); out.node = shown();
  node.value = ""; node.dispatchEvent(new Event("change"));
  var text = document.getElementById("by-text"); text.value = "no such thing"; text.dispatchEvent(new Event("input")); out.nothing = shown();
  out.message = document.getElementById("no-match").offsetHeight > 0;
  text.value = ""; text.dispatchEvent(new Event("input"));
  var waived = document.querySelector("details.finding.waived"); out.closed = !waived.open; waived.querySelector("summary").click(); out.opened = waived.open;
  out.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  window.dispatchEvent(new Event("beforeprint")); out.printed = document.querySelectorAll("details:not([open]):not(.long)").length; out.passes = document.querySelectorAll("details.long[open]").length;
  document.body.innerHTML = ""; document.body.setAttribute("data-probe", JSON.stringify(out));
})();
</script></body>`
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(page, "</body>", probe, 1)), 0o644))
	dom := chromium(t, "--dump-dom", "--window-size=500,900", "file://"+file)
	m := regexp.MustCompile(`data-probe="([^"]*)"`).FindStringSubmatch(dom)
	require.NotNil(t, m, "the page's script failed")
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(m[1])), &got))
	require.Equal(t, map[string]any{
		"first": "fail,fail,unknown,waived", "fail": "fail,fail", "pressed": 1.0, "unknown": "unknown", "node": "fail,fail",
		"nothing": "", "message": true, "closed": true, "opened": true, "wide": 0.0, "printed": 0.0, "passes": 0.0,
	}, got)
}

// Pictures of the page for a person to look at, kept where
// PGCONCORD_ARTEFACTS says, and at least made without fault.
func TestHTMLPictures(t *testing.T) {
	browser(t)
	dir := os.Getenv("PGCONCORD_ARTEFACTS")
	if dir == "" {
		dir = t.TempDir()
	}
	page := filepath.Join(dir, "report.html")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(page, render(t, "html", samples()["everything"], reports.Options{}), 0o644))
	for _, width := range []int{400, 1200} {
		picture := filepath.Join(dir, fmt.Sprintf("report-%d.png", width))
		chromium(t, "--screenshot="+picture, fmt.Sprintf("--window-size=%d,2600", width), "file://"+page)
		require.FileExists(t, picture)
	}
	print := filepath.Join(dir, "report.pdf")
	chromium(t, "--print-to-pdf="+print, "--no-pdf-header-footer", "file://"+page)
	data, err := os.ReadFile(print)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(data), "%PDF-"))
}
