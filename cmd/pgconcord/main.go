// Command pgconcord checks multi-master PostgreSQL clusters: the plan, the
// running cluster, and the rows.
package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	collectLate()
	os.Exit(newApp().run(os.Args[1:]))
}

// collectLate keeps the garbage collector from running before the heap has
// some 32 MB, which a plan of a few nodes never needs: from 4 MB on, as is
// usual, collecting would take longer than judging it. From the first
// collection on all is as usual. What the user set with GOGC stays.
func collectLate() {
	before := debug.SetGCPercent(800)
	if before != 100 {
		debug.SetGCPercent(before)
		return
	}
	runtime.AddCleanup(&[4]*int{}, func(percent int) { debug.SetGCPercent(percent) }, before)
}
