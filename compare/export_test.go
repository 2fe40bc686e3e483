package compare

import (
	"testing"
	"time"
)

// SetRetryPause makes attempts follow each other faster within a test.
func SetRetryPause(t *testing.T, d time.Duration) {
	old := retryPause
	retryPause = d
	t.Cleanup(func() { retryPause = old })
}

// SetFirstChunk makes tables of a test big.
func SetFirstChunk(t *testing.T, first, gauge int64) {
	oldFirst, oldGauge := firstChunk, gaugePages
	firstChunk, gaugePages = first, gauge
	t.Cleanup(func() { firstChunk, gaugePages = oldFirst, oldGauge })
}

// Note adds a line to a ledger.
func (l *Ledger) Note() error {
	return l.void(&task{dataSet: "reference", schema: "public", name: "none"}, "n1")
}
