package schema

import (
	"runtime/debug"
	"sync"
)

var bounding sync.Mutex

// boundMemory keeps the collector from letting garbage pile up to the size of
// what is live, which a plan of thousands of nodes makes felt: the evaluator
// needs some four hundred bytes for each byte of input. A limit the user set
// lower stays. It returns the way back; one run at a time has its say.
func boundMemory(inputs []Input) func() {
	size := int64(0)
	for _, in := range inputs {
		size += int64(len(in.Data))
	}
	if size < 256<<10 || !bounding.TryLock() {
		return func() {}
	}
	before := debug.SetMemoryLimit(-1)
	if limit := 96<<20 + 400*size; limit < before {
		debug.SetMemoryLimit(limit)
	}
	return func() {
		debug.SetMemoryLimit(before)
		bounding.Unlock()
	}
}
