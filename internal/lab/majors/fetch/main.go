// Command fetch brings the PostgreSQL servers that `make test-matrix` runs,
// into a cache outside the source tree. Its arguments are majors; without any
// it brings all that are pinned.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"github.com/pgconcord/pgconcord/internal/lab/majors"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wanted := majors.Pinned()
	if len(os.Args) > 1 {
		wanted = nil
	}
	for _, arg := range os.Args[min(1, len(os.Args)):] {
		major, err := strconv.Atoi(arg)
		if err != nil {
			fmt.Fprintf(os.Stderr, "fetch: %q is not a major\n", arg)
			os.Exit(2)
		}
		wanted = append(wanted, major)
	}
	for _, major := range wanted {
		bin, err := majors.Fetch(ctx, major)
		if err != nil {
			fmt.Fprintf(os.Stderr, "fetch: %v\n", err)
			os.Exit(1)
		}
		fmt.Printf("PostgreSQL %d: %s\n", major, bin)
	}
}
