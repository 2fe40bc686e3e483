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
