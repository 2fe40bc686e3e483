package schema

import (
	"runtime/debug"
	"sync"
)

var bounding sync.Mutex

// enough is the memory that any machine which judges plans can spare.
const enough = 512 << 20

// boundMemory keeps the collector from letting garbage pile up to the size of
// what is live, which a plan of thousands of nodes makes felt: the evaluator
// needs some four hundred bytes for each byte of input. Where that is not more
// than enough, nothing is collected before, since next to nothing of what the
// evaluator made can go while it works. A limit the user set lower stays. It
// returns the way back; one run at a time has its say.
func boundMemory(inputs []Input) func() {
	size := int64(0)
	for _, in := range inputs {
		size += int64(len(in.Data))
	}
	if size < 256<<10 || !bounding.TryLock() {
		return func() {}
	}
	before := debug.SetMemoryLimit(-1)
	limit := 64<<20 + 400*size
	if limit >= before {
		bounding.Unlock()
		return func() {}
	}
	debug.SetMemoryLimit(limit)
	back := func() {}
	if limit <= enough {
		percent := debug.SetGCPercent(-1)
		back = func() { debug.SetGCPercent(percent) }
	}
	return func() {
		back()
		debug.SetMemoryLimit(before)
		bounding.Unlock()
	}
}
